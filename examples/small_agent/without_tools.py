# ruff: noqa: E501  (phrases are longer than lines)
"""Requests that need no tool, in plain English: questions to answer, improper ones to refuse.

The tiny agent's, half of whose words are made up, stand beside them in the corpus. No demand here is
worse than rude or dishonest, and each stands for its kind: what the model knows of words does the
rest. Near each of them lies a harmless question in nearly the same words.
"""

from __future__ import annotations

import random

import conversation_texts
import words
from grammar import draw, sentence_case

IMPROPER = (
    "[write|draft|make|print|design|prepare] [me |us |][a fake|a forged|a false|a phony|a made-up] [doctor's certificate|invoice|passport|reference letter|report card|identity card|bank statement|job offer|insurance claim|prescription|train pass|birth certificate|expense report|witness statement]",
    "[fake|forge|falsify|doctor|tamper with] [the|my|our|this] [accounts|invoice|election result|lab report|attendance list|time sheet|medical report|signature of my boss|tenant's signature|tax return|guest list]",
    "[read|open|go through|look into|copy] my [neighbor|flatmate|husband|girlfriend|coworker|manager|classmate|aunt]'s [letters|messages|mailbox|phone|chats|notebook|medical file|emails] [secretly|without her knowing|without telling him|while she is away|behind his back]",
    "[help me|show me how to|teach me to|I want to|let me] [steal|shoplift|pocket|swipe] [a bottle of wine|a bicycle|some cash|office supplies|a necklace|the tip jar|a bag of sweets|my neighbor's parcel]",
    "[help me|show me how to|I want to] [cheat|copy] [in|on|at] [the chemistry exam|my final test|the chess match|the math quiz|the quiz night|the language test|a card game]",
    "[tell|help me tell|think up] [a lie|lies] [to|for] my [teacher|customers|parents|girlfriend|colleagues|insurance|coach]",
    "[lie to|deceive|cheat|scam|trick|swindle|con] [my customers|the old lady next door|my business partner|the tax office|the insurance company|our investors|the tourists|my sister]",
    "[insult|mock|humiliate|tease|bully|threaten|harass] [my coworker|the new girl in class|our waiter|that singer|my ex-wife|the intern|my little cousin|the fat boy next door]",
    "[write|post|send] [a mean|a nasty|a hateful|an insulting|a cruel|a threatening] [message|comment|letter|poem] [to|about] [my teacher|my coworker|that actress|our neighbor|the new pupil]",
    "[spread|start|invent|post] [a rumor|lies|gossip|false stories] [about|that harm] [my rival|the headmaster|a coworker|our competitor|my ex-boyfriend]",
    "[spy on|stalk|track|follow|secretly film|secretly photograph|eavesdrop on] [my wife|my employees|the girl from the gym|my neighbor|our babysitter|a colleague|my daughter's boyfriend]",
    "[guess|crack|steal|get me|hack into|break into] [my boss's|my sister's|the school's|somebody's|her|his] [account|email password|laptop|bank PIN|wifi|profile|phone]",
    "[pretend to be|pose as|impersonate] [my father|a police officer|the bank manager|a nurse|my twin brother|the landlord|a tax inspector] [and|to] [call the school|ask for money|get the keys|cancel the order|collect the parcel|sign for me]",
    "[write|post|order] [ten|five|twenty|some|a few] [fake|invented|bogus] [five-star ratings|reviews|testimonials|complaints|comments] [for my shop|about the café across the street|of our app|against my competitor]",
    "[copy|plagiarize|steal] [my classmate's report|somebody's essay|an article|a song|a colleague's slides] and [hand it in as my own|say I wrote it|put my name on it]",
    "[write|do|finish] my [history paper|term paper|homework|application test|online exam] [for me|] so that I can [cheat|hand it in as my work|fool my professor]",
    "[sneak|get|smuggle] [me|us] [into the concert|onto the train|past the guard|into the gym|into the stadium] [without a ticket|without paying|unseen]",
    "[help me|how can I|I want to] [dodge|avoid|evade|skip] [the fare|my taxes|a speeding fine|customs|alimony] [by lying|with a trick|illegally|without being caught]",
    "[sell|rent out|advertise] [my broken car|a moldy flat|spoiled fish|a stolen watch|fake handbags] [and|but] [hide the damage|say it is new|keep quiet about it|tell nobody]",
    "[change|alter|raise|delete] [my grades|my mark|the minutes|the log entries|my criminal record|the prices] [secretly|so that nobody notices|before anyone looks]",
    "[take|borrow|use|keep] [my roommate's car|the company card|grandma's savings|somebody's bike|the lost purse] [without asking|without permission|and tell no one]",
    "[reveal|tell me|give me|find out] [my coworker's|the director's|a patient's|my neighbor's] [salary|diagnosis|secret|private number|home address|browsing history], [although|even though] it is [private|confidential|secret]",
    "[make up|invent|give me] [an alibi|a false excuse|a cover story|a lie] [for|about] [last weekend|the broken vase|the missing money|being late|the dent in the car]",
    "[manipulate|rig|fix] [the raffle|the vote|the cooking contest|the match|the election for class president]",
    "[blackmail|bribe|extort] [the referee|my boss|an official|the jury|a witness]",
)
"""Mildly improper requests."""

HARMLESS = (
    ("[how do I|how can one|what helps to] [spot|recognize|report] [a fake review|a forged ticket|a false invoice|a phishing mail|a scam call]?", "Look at the details, and ask the sender if in doubt."),
    ("[what is|explain] [a white lie|plagiarism|gossip|fraud|an alibi|forgery|bribery|espionage]?", "In short, it is something that people do when they do not tell the whole truth."),
    ("[somebody|a thief] stole my [bicycle|wallet|umbrella]. [What should I do?|What now?]", "I am sorry to hear that. You could report it to the police."),
    ("[tell me about|who was] [a famous spy|a famous forger|the great train robbery|a clever detective]?", "That is a long story, and several people had a part in it."),
    ("[recommend|suggest|name] [me |][a crime novel|a spy film|a card game|a heist movie|a magic trick]", "How about one of the classics?"),
    ("[how do I|help me] [choose a strong password|change my own password|protect my letters|lock my phone|hide a birthday present|surprise my wife]?", "Take your time, and pick something that only you know."),
    ("[write|make up|tell me] [a funny story|a short tale|a poem] about [a clumsy thief|a fox who lies|a pirate|a mean witch|a spy]", "Once there was one, and in the end everybody smiled."),
)  # fmt: skip
"""Harmless questions in words that improper ones have, too, with what is said to them."""

ANSWERED = (
    ("[what is|explain|define|describe] [photosynthesis|inflation|a metaphor|democracy|a volcano|friction|yeast|a leap year|a comet|irony]?", "In short, it is something that people learn about at school."),
    ("[who|when was it that someone] [wrote Hamlet|painted the Mona Lisa|discovered penicillin|built the first car|composed Carmen]?", "It was a long time ago, and it is still well known today."),
    ("[how many|how much] [legs has a spider|days has a week|keys has a piano|minutes has an hour|wheels has a tricycle|players has a football team]?", "Quite a few: one can count them."),
    ("[which|what] [animal|bird|city|country|river|metal|sport|fruit] [is the fastest|is the heaviest|is the most beautiful|is the oldest|do you like best]?", "Opinions differ, but there are some good candidates."),
    ("[why|how come] [do cats purr|is the sea salty|do leaves fall|is grass green|do we yawn|do stars twinkle|is ice slippery]?", "There are several reasons, and most have to do with how nature works."),
    ("[is|would you say] [a cat|jazz|the train|pizza|chess|the sea|a novel] [nicer|better|more fun|more useful] than [a dog|rock|the car|pasta|poker|a lake|a film]?", "It depends on what you need, but many prefer the first."),
    ("[what is|how much is|tell me] [three|seven|12|40|95|6] [plus|minus|times] [two|five|8|13|21]?", "Let me think: that makes a nice sum."),
    ("[translate|how do you say] [thank you|good night|bread|friend|snow|cheers] [into|in] [Italian|French|Danish|Polish|Latin]?", "That word would be much the same with an accent."),
    ("[write|make|compose|give me] [a haiku|a limerick|two lines|a rhyme|a short poem|a song] [about|on] [the moon|my grandmother|spring rain|a lazy cat|coffee|mountains]", "Once there was one, and everybody smiled."),
    ("[tell me|do you know|I want to hear] [a joke|a riddle|something funny|a fun fact] about [cows|doctors|bananas|robots|snowmen|elephants]?", "Once there was one, and everybody smiled."),
    ("[congratulate|thank|greet|cheer up|encourage] my [uncle|colleague|neighbor|best friend|team] [on the new house|for the help|before the race|after the exam] [in one sentence|warmly|nicely]", "All the best to you from us!"),
    ("[what|which] [should|could|shall] [I|we] [cook|read|watch|wear|play|plant] [tonight|this weekend|on a cold day|with children|in summer]?", "How about something simple and nice?"),
    ("[give me|I need|any] [tips|advice|ideas|a tip] [for|on|about] [a job interview|learning the guitar|better posture|saving water|a first date|tidying up]?", "Start small, and be patient."),
    ("[I am|I feel|I was] [so |a bit |very |][nervous|lonely|cheerful|sleepy|proud|hungry] [today|this morning|because of the weather|after the trip]", "I see. Thank you for telling me!"),
    ("[good morning|hey there|hello again|good afternoon|hi friend][!|, how is it going?|, my friend.|, nice to see you.]", "Hello! How can I help you today?"),
    ("[thanks|thank you so much|great job|well done|perfect, thanks|that will do, thank you][!|.|, bye!]", "You are welcome!"),
    ("[what|which kind of thing] [are you|do you do|can you help with]?", "I am an assistant that can use tools."),
    ("[should|may|can|could] [I|one|you] [drink coffee at night|wear white in winter|freeze bread|swim after lunch|grow tomatoes indoors|eat the peel]?", "Yes, if it suits you and you are careful."),
)  # fmt: skip
"""Questions and small talk, with what is said to them."""

OPENERS = ("", "", "", "please ", "can you ", "could you ", "I want you to ", "help me to ", "hey, ", "")  # fmt: skip
ENDS = (".", ".", "", "!", ", please.", " for me.", " today.")


def question(rng: random.Random) -> tuple[str, str]:
    """A question that needs no tool, and its answer."""
    if rng.random() < 0.3:
        return conversation_texts.question(rng)
    asked, answer = rng.choice(HARMLESS if rng.random() < 0.25 else ANSWERED)
    text = sentence_case(draw(rng, asked))
    if not text.endswith(("?", ".", "!")):
        text += rng.choice((".", "", "!", ", please."))
    return _behind_a_remark(rng, text), answer


def improper_request(rng: random.Random) -> tuple[str, str]:
    """A mildly improper request, and its refusal."""
    if rng.random() < 0.3:
        return conversation_texts.improper_request(rng)
    text = sentence_case(rng.choice(OPENERS) + draw(rng, rng.choice(IMPROPER)) + rng.choice(ENDS))
    return _behind_a_remark(rng, text), rng.choice(conversation_texts.REFUSALS)


def _behind_a_remark(rng: random.Random, text: str) -> str:
    return f"{words.statement(rng)} {text}" if rng.random() < 0.1 else text
