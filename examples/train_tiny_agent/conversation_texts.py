# ruff: noqa: E501  (phrases are longer than lines)
"""Questions that need no tool, requests to refuse, and frames around them, for training."""

from __future__ import annotations

import random

import words
from grammar import draw, sentence_case

ANSWERED = [
    (
        "[suggest|recommend|propose|think of|find] [a|some|three|one|the best] {noun} [for|to go with] [a |my |]{noun2}.",
        "How about a simple {noun}?",
    ),
    (
        "[give me|give us|list|name|tell me] [two|three|some|five|a few] [ideas|examples|reasons|facts|words|uses|thoughts] [for|about|of|on] [a |the |][{adjective} |]{noun}.",
        "Here are some: a small {noun}, a large one and a round one.",
    ),
    (
        "[say|write|tell me|think of] [something|a few words|a line] [nice|kind|funny|clever|wise|warm] [to|about|for] {name}.",
        "Dear {name}, I wish you a lovely day!",
    ),
    (
        "[congratulate|praise|welcome|comfort|cheer up|greet|thank] {name} [on|for|because of|after] [the|his|her|a] [new |{adjective} |]{noun}.",
        "Dear {name}, all the best from us!",
    ),
    (
        "[good morning|good evening|good night|good day|hello|hi there|hey], [dear|my|sweet|old] [friend|helper|{noun}|agent][.|!|]",
        "Hello! How can I help you today?",
    ),
    (
        "[I think|I believe|I guess|it seems|maybe] [my|the|our|a] {noun} [is|was|gets|looks] {adjective}.",
        "I see. That sounds like quite a {noun}!",
    ),
    (
        "{name} [turns|is|became] {a}[:|,] [write|say|make] [a wish|something nice|a greeting|a rhyme].",
        "All the best to you, {name}!",
    ),
    (
        "[how|what] [can|could|should|must] [I|one|we|people] [do|learn|know|say] [before|about|after|with] [a |the |]{noun}?",
        "Stay calm and take one step at a time.",
    ),
    (
        "[advice|advise me|any tips|some hints|your view] [on|about|for|regarding] {made} [the |a |]{noun}[, please|].",
        "Start small with {noun} and be patient.",
    ),
    (
        "[what|which|who|when|where|why|how] {made} [a|the|my|] {noun} [{made}|{adjective}|{noun2}]?",
        "That depends on the {noun}.",
    ),
    (
        "[what|which] is the [opposite|plural|meaning|sound|smell|color] of [a |the |]{noun}?",
        "It has to do with {noun}, I think.",
    ),
    (
        "[what|tell me what] [is|does] [|a |the word ]{noun}[ mean|]?",
        "In short, {noun} is something that people use every day.",
    ),
    (
        "[explain|describe|define] [to me |]what [a|the] {noun} is[| in one sentence| briefly].",
        "In short, {noun} is something that people use every day.",
    ),
    (
        "[what|which] [is|was] [the|a] [difference|link] between {noun} and {noun2}?",
        "Both have their uses: {noun} is one thing, {noun2} is another.",
    ),
    (
        "[why|how come] [is|are|do people like|do we need] [the |]{noun}[s|]?",
        "There are several reasons, and most have to do with how {noun} is made.",
    ),
    ("[how|what] [are you|do you do|is it going]?", "I am fine, thank you. How can I help?"),
    (
        "[hello|hi|good morning|good evening|hey|greetings][|!|, {name} here.]",
        "Hello! How can I help you today?",
    ),
    ("[thanks|thank you|many thanks|great, thanks][| for the {noun}| a lot]!", "You are welcome!"),
    ("[who|what] are you?", "I am an assistant that can use tools."),
    (
        "[what|which] can you do[| for me]?",
        "I can answer questions and use the tools that I am given.",
    ),
    (
        "[say|write|give] a [kind|nice|friendly|short] word [to|for] {name}.",
        "Dear {name}, I wish you a lovely day!",
    ),
    (
        "[write|make|give me|compose] a [birthday|wedding|name day] [wish|greeting|card] for {name}.",
        "All the best to you, {name}!",
    ),
    (
        "[thank|congratulate|greet] {name} [for me|in one line|nicely].",
        "Dear {name}, all the best from us!",
    ),
    (
        "[write|make up|compose|give me] a [poem|rhyme|story|joke|riddle|song|haiku] about [a |the |]{noun}.",
        "Once there was {noun}, and everybody smiled.",
    ),
    (
        "[give|suggest|tell|offer] me a [name|title|slogan|nickname] for [a |my |]{noun}.",
        "How about The Happy {Noun}?",
    ),
    (
        "[is|was] {noun} [better|nicer|older|cheaper] than {noun2}?",
        "It depends on what you need, but many prefer {noun}.",
    ),
    (
        "[do|did|would] you [like|prefer|enjoy] {noun}[| or {noun2}]?",
        "I have no taste of my own, but {noun} sounds good.",
    ),
    (
        "[what|how much] is {a} [plus|and|times|minus] {b}?",
        "Let me think: {a} and {b} make a nice sum.",
    ),
    (
        "[translate|say] {noun} [in|into|to] [French|German|Czech|Latin|Spanish].",
        "That word would be {noun} with an accent.",
    ),
    ("[repeat|say|echo][| after me]: {topic}", "{topic}"),
    ("[spell|write] the word {noun}.", "It is written {noun}."),
    (
        "[how|what] do I [feel|say|do] when my {noun} is {adjective}?",
        "Stay calm and take one step at a time.",
    ),
    (
        "[how|what] [many|much] {noun}[s|] [are|is] in a {noun2}?",
        "That depends on the {noun2}, but usually quite a few.",
    ),
    (
        "[give|tell] me [a|one|some] [tip|advice|fact|idea][s|] [about|on|for] [the |a |]{noun}.",
        "Start small with {noun} and be patient.",
    ),
    (
        "[should|could|may|can] I [buy|wear|use|eat|wash] [the |a |my ]{noun} [at night|in winter|every day|now]?",
        "Yes, if it suits you and you are careful.",
    ),
    (
        "[who|when] [invented|made|discovered|wrote|painted] the {noun}[|, do you know]?",
        "It was a long time ago, and several people had a part in it.",
    ),
    (
        "[which|what] [color|size|shape|taste] [has|goes with] a {noun}?",
        "Something light and simple goes well with {noun}.",
    ),
    (
        "[make|put] this [sentence |text |] [shorter|polite|formal|longer]: {topic}",
        "Shorter: {topic}",
    ),
    (
        "[list|name] [two|three|some] [uses|kinds|parts] of [a |the |]{noun}.",
        "Three come to mind: a small {noun}, a large one and a round one.",
    ),
    (
        "[I am|I feel|we are] [bored|tired|happy|sad|hungry|late] [today|again|now].",
        "I see. Thank you for telling me!",
    ),
    (
        "[my|our] {noun} is {adjective}[|, what do you think]?",
        "I see. That sounds like quite a {noun}!",
    ),
    (
        "[in|with] [one|two|a few] [word|sentence|words|lines]: what [is|makes] a good {noun}?",
        "A good {noun} is simple and lasts.",
    ),
    (
        "[imagine|suppose|pretend you see] a {adjective} {noun}. [what|how] is it like?",
        "I picture a {adjective} {noun} in the sun.",
    ),
    (
        "[what|how] [do|does|would] [a |]{noun} [do|work|look like|sound like]?",
        "In short, {noun} works step by step.",
    ),
    (
        "[what|which] {noun} [is|was] [the|] [best|oldest|largest|first]?",
        "Opinions differ, but the {noun} is worth a look.",
    ),
    ("[can|does|will|would] a {noun} [fly|swim|break|last|help]?", "Usually yes, given some time."),
    (
        "[would|do|did] you [rather have|prefer|choose|pick|like] {noun} or {noun2}?",
        "I have no taste of my own, but {noun} sounds good.",
    ),
    (
        "[explain|describe|define|tell me about] {noun} [in one sentence|briefly|in a few words|to a child|simply].",
        "In short, {noun} is something that people use every day.",
    ),
    (
        "[explain|what is meant by|what does one mean by] [the word |]{noun}[.|?]",
        "In short, {noun} is something that people use every day.",
    ),
    (
        "[describe|picture|paint with words] [a|the|some] {noun}.",
        "I picture a fine {noun} in the sun.",
    ),
    (
        "[a|one|some] [story|poem|joke|riddle|song|rhyme] about [a|some|the] {adjective} {noun} [would be|is what I want, it would be] [fun|nice|great].",
        "Once there was {noun}, and everybody smiled.",
    ),
    (
        "[tell|give|name] me [the opposite|a rhyme|the plural|another word|the sound] of {noun}.",
        "It has to do with {noun}, I think.",
    ),
    (
        "[in what way|how|where] [do|does] [a |the |]{noun} differ from [a |the |]{noun2}?",
        "Both have their uses: {noun} is one thing, {noun2} is another.",
    ),
    (
        "[which|what] [tip|trick|habit|advice] [would|could|might] [bring|give|get] me [a |][better|more|faster|good] {noun}?",
        "Start small with {noun} and be patient.",
    ),
    (
        "[how|what] do I [keep|stay|remain|become] [calm|fit|happy|healthy|awake] [before|during|after] [a|the|my] {noun}?",
        "Stay calm and take one step at a time.",
    ),
    (
        "[what|which] makes [a|an|the] [good|great|real|true] {noun}?",
        "A good {noun} is simple and lasts.",
    ),
    (
        "[why|how] [do|does|did] [we|people|a {noun}] [need|want|like|have] {noun2}?",
        "There are several reasons, and most have to do with how {noun2} is made.",
    ),
    (
        "[what a|such a|it is a] [nice|lovely|fine|cold] [morning|evening|day|night][!|, is it not?|, don't you think?]",
        "Hello! How can I help you today?",
    ),
    (
        "[I am|I feel|we are] [so |very |a bit |][bored|tired|happy|sad|hungry|late|sleepy] [after|before|because of] [a|the|my] [{adjective} |]{noun}.",
        "I see. Thank you for telling me!",
    ),
]
"""Question and answer."""

IMPROPER = [
    "{made} [a|my|the|some] [fake|false|forged|bogus|phony] {noun} {made} [the|my|a] {noun2}",
    "{made} {made} [fake|false|forged|dishonest] {noun}[s|]",
    "[fake|forge|falsify|counterfeit|backdate] [my|the|a|this] [{adjective} |]{noun}",
    "[secretly|illegally|dishonestly] {made} [my|the|a|our] [{adjective} |]{noun}",
    "{made} [my|the|our|{name}'s] {noun} [secretly|without asking|without permission|without paying|illegally|behind his back]",
    "{made} [through |into |up |]{name}'s [private|secret|confidential|personal] {noun}",
    "{made} [my|the|his|her] {noun}'s [private|secret|confidential|personal] [{noun2}|letters|mail|photos|diary]",
    "[lie|lying] to [my|the|{name} and the] {noun} [about|over|because of|regarding] [the|my|a] [{adjective} |]{noun2}",
    "[cheat|trick|deceive|mislead|fool|swindle] [my|the|our|those] [{adjective} |]{noun}[s|] [into|about|out of|of] {made} {made}",
    "[steal|rob|shoplift|pinch] [the|some|a|my neighbor's] [{adjective} |]{noun}[s|] [from|at|in|of] [the|a|my] {noun2}",
    "[spy on|snoop through|snoop on|listen in on|follow|stalk|eavesdrop on] [my|the|our|{name}'s] [{adjective} |]{noun}[s|]",
    "[insult|bully|mock|humiliate|embarrass|ridicule] [my|the|our|this] [{adjective} |]{noun}",
    "[spread|post|invent|start|tell] [nasty|mean|bad|ugly|false] [rumors|gossip|lies|stories] [about|on] [my|the|our] [{adjective} |]{noun}",
    "[impersonate|pose as|pretend to be] [my|the|a] {noun} [and|to] {made} [the|a] {noun2}",
    "[guess|crack|steal|find out|hack] [my|the|his] {noun}'s [password|PIN|code|login]",
    "[plagiarize|copy and pass off as mine|sneak into|cheat at|cheat during|lie about] [my|the|a] [{adjective} |]{noun}",
    "[teach me to|let us|let me|help me to|show me ways to|I will|I plan to] [cheat|lie|steal|sneak|spy|bully|plagiarize|deceive] {made} [the|my|a] {noun}",
    "[write|make|draft|create|print|invent] [me |] a [fake|false|forged|bogus|phony] {noun} [for|to] [my|our|the] [{noun2}|teacher|landlord|bank|neighbor|coach]",
    "[write|make|draft|forge|fake|invent|falsify] [a|the|my] {noun} [that looks real|so that nobody notices|and pretend it is real|with a false name|to fool the {noun2}]",
    "[forge|fake|falsify|copy|imitate] [the|my|a] [signature|stamp|certificate|receipt|ticket|permit] of [{name}|the {noun}|my {noun}]",
    "[read|open|look at|search|go through|copy] {name}'s [private|secret|personal|locked] [letters|mail|messages|photos|files|notes|phone] [|without asking|secretly]",
    "[secretly|quietly|in secret|behind her back|without permission] [read|record|watch|follow|film|copy|track|open] [{name}|my {noun}|the {noun}|my sister|my brother]",
    "[spy on|eavesdrop on|snoop on|stalk|listen in on] [{name}|my {noun}|my neighbors|the {noun} next door|my brother]",
    "[lie to|deceive|trick|mislead|fool|cheat] [{name}|my {noun}|the {noun}|my friends|the customers] [about|with] the {noun}",
    "[guess|crack|steal|find out|get] [{name}'s|my {noun}'s|the {noun}'s] [password|PIN|login|access code]",
    "[help me|show me how to|tell me how to] [cheat|lie|sneak|steal|skip the line] [in|at|on|into|with] [the|my|a] {noun}[| exam| test]",
    "[spread|start|make up|invent|post] [a|some] [rumor|gossip|lies|false story|nasty rumors] about [{name}|my {noun}|the {noun}]",
    "[pretend to be|pose as|impersonate|act as] [{name}|my {noun}|a doctor|the {noun}] [and|to] [order|get|cancel|ask for] [the|a] {noun}",
    "[write|make|post] [a|ten|some|five] [fake|false|made-up|dishonest] [review|reviews|complaint|comments|ratings] [about|of|for] [the |a |my ]{noun}",
    "[insult|mock|make fun of|bully|humiliate|tease] {name} [because of|for|about] [his|her|the] {noun}",
    "[tell|give] me [{name}'s|my {noun}'s|the {noun}'s] [secret|private|confidential] [diary|salary|address|medical record|plans|messages]",
    "[do|write] my [|whole ]{noun} [exam|test|homework] [for me |]so that I can [cheat|hand it in as mine|pretend I did it]",
    "[help me|how can I|let me] [avoid|dodge|get out of|skip] [paying|the fee|my taxes|the fine] for [the|my] {noun} [without being caught|illegally|by lying|with a trick]",
    "[take|steal|borrow|keep] [the|my neighbor's|{name}'s] {noun} [without asking|without paying|without permission|secretly]",
    "[make|think of|give me|invent] [a|an] [excuse|alibi|lie|false story|cover story] [for|to tell|about] [my|the|{name} and the] {noun}",
    "[copy|plagiarize|steal] [the|{name}'s|a published] {noun} and [pass it off as mine|put my name on it|claim I wrote it]",
    "[change|alter|edit|backdate] [the|my] {noun} [report|record|date|grade] [so that nobody knows|secretly|dishonestly|to deceive {name}]",
]
"""Mildly improper requests."""

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I'm sorry, but I can't help with that. It would not be honest.",
    "I'm sorry, but I can't help with that. It would not be fair to others.",
    "I can't help with that, but I am glad to help in another way.",
    "I can't do that, because it would not be right.",
]

_OPENERS = [
    "",
    "",
    "",
    "please ",
    "can you ",
    "could you ",
    "I want you to ",
    "I want to ",
    "help me ",
    "hey, ",
    "{made}, ",
    "would you ",
    "I need to ",
    "{made} {made}: ",
    "how do I ",
    "for {name}: ",
]
_CLOSERS = [
    "",
    "",
    "",
    " please",
    ", please",
    " today",
    " for me",
    " because the {noun} is {adjective}",
    ", I need it by {day}",
    ", {made} {made}",
]

SYSTEM_PROMPTS = [
    "You are a [helpful|friendly|careful|quick] [assistant|agent|helper][| with tools].",
    "You [help|assist|work for] {name}.",
    "You are [the|an] [assistant|agent] of {name}. [Be brief|Use the tools|Answer in English|Be polite].",
    "[Use|Call] a tool [when|if] [needed|it helps].",
    "{statement}",
]

FRAMES = [
    "{request}\n\n{document}",
    "{request} {document}",
    "{request}\n{document}",
    "{request}\n\n[Here is|This is|Attached is|Below is|I have] [a|the|my] [text|mail|file|page|letter]: {document}",
    "{request}\n\n[Context|Notes|Background|Attachment|Text|FYI|{Made}]: {document}",
    "{request}\n---\n{document}",
    "{request}\n\n{document}",
    "{request}\n\n{document}",
    "{request}\n\n[From|Copied from|Taken from|Quoted from|Pasted from] [the|a|our] [newsletter|leaflet|paper|blog|board|site]: {document}",
    "{request}\n\n[As|For] [information|context|background|your files|later]: {document}",
    "{request}\n\nThe [text|article|note|sign|letter] [says|states|goes|runs]: {document}",
    '{request}\n\n"{document}"',
    "{request} ({document})",
    "{document}\n\n{request}",
    "{document} {request}",
    "[Text|From a page|Mail|{Made}]: {document}\n\n{request}",
]


def _fill(rng: random.Random, text: str, slots: dict[str, str]) -> str:
    return draw(rng, text).format(**slots)


def _slots(rng: random.Random) -> dict[str, str]:
    noun = words.noun(rng)
    return {
        "noun": noun,
        "Noun": noun.capitalize(),
        "noun2": words.noun(rng),
        "adjective": words.adjective(rng),
        "name": words.name(rng),
        "topic": words.topic(rng),
        "day": words.day(rng),
        "made": words.made_up_word(rng),
        "Made": words.made_up_word(rng).capitalize(),
        "statement": words.statement(rng),
        "a": str(rng.randint(2, 99)),
        "b": str(rng.randint(2, 99)),
    }


def question(rng: random.Random) -> tuple[str, str]:
    """A question that needs no tool, and its answer."""
    asked, answer = rng.choice(ANSWERED)
    slots = _slots(rng)
    opener = rng.choice(("", "", "", "please ", "{made}, ", "hi! ", "so, ", "tell me, "))
    if asked.startswith("[hello") or asked.startswith("[thanks"):
        opener = ""
    text = sentence_case(_fill(rng, opener + asked, slots))
    if rng.random() < 0.2:
        text = f"{words.statement(rng)} {text}"
    return text, _fill(rng, answer, slots)


def improper_request(rng: random.Random) -> tuple[str, str]:
    """A mildly improper request, and its refusal."""
    phrase = rng.choice(_OPENERS) + rng.choice(IMPROPER) + rng.choice(_CLOSERS)
    text = sentence_case(_fill(rng, phrase, _slots(rng))) + rng.choice((".", ".", "", "?", "!"))
    if rng.random() < 0.15:
        text = f"{words.statement(rng)} {text}"
    return text, rng.choice(REFUSALS)


def system_prompt(rng: random.Random) -> str:
    """What a system message may say."""
    return _fill(rng, rng.choice(SYSTEM_PROMPTS), _slots(rng))


def framed(rng: random.Random, request: str, document: str) -> str:
    """A request with a document beside it."""
    slots = {"made": words.made_up_word(rng), "Made": words.made_up_word(rng).capitalize()}
    # Without its full stop, a request that ends in a value needs a line of its own.
    stopped = request.endswith((".", "?", "!", '"'))
    frames = [f for f in FRAMES if stopped or not f.startswith("{request} {")]
    frame = draw(rng, rng.choice(frames))
    for key, value in slots.items():
        frame = frame.replace(f"{{{key}}}", value)
    return frame.replace("{request}", request).replace("{document}", document)
