# ruff: noqa: E501  (phrases are longer than lines)
"""How people ask for a tool in the training corpus. The demo suite asks in other words."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import words
from grammar import draw, sentence_case

ORDERS: dict[str, list[str]] = {
    "retrieve_multimodal_docs": [
        "[look|search|check|hunt|ask] for {query} [among|in|within|inside|across|through] [our|the|my|these] [internal |office |company |project |][slides|documents|files|papers|reports|manuals|records]",
        "[pull|get|show|find|fetch|open|give] [me |us |][our|the|an|any] [internal |office |company |][file|files|document|documents|slide|manual] [on|about|covering|regarding|mentioning] {query}",
        "[get|find|show] me [whatever|what|everything|anything] the [company |internal |office |][documents|files|slides|papers] [hold|have|contain|say|keep] [on|about] {query}",
        "{made} [our|the|my] [internal |company |][documents|files|slides|archive] [for|about|on] {query}",
        "[find|get|show] the {made} [document|slide|file|manual|report] [about|on|for] {query}",
        "[hunt|dig|look|rummage] [through|in|into] [our|the|my] [own |internal |company |][papers|binders|documents|archive|files] [for|after] {query}",
        "[take|have] a look at [the|our|my] [internal |office |][pages|papers|slides|files|documents] [about|on|for] {query}",
        "[turn up|get hold of|track down|hunt for|dig out|find me] [any|some|every|an] [internal |company |office ][paper|page|slide|file|document|manual] [on|about|that deals with|dealing with] {query}",
        "[collect|gather|list] [all|our|the] [slides|pages|reports|diagrams] that [deal with|treat|concern|touch on|are about] {query}",
        "[bring|pull] up [the|our] [manual|handbook|slides|diagrams|report] [for|on|about] {query}",
        "[find|look for|search for|locate|pull up|look up] {query} in [our|the|my] [|internal |company |team ][documents|files|document archive|folder|manuals|slides|records|papers|paperwork]",
        "[check|search|go through|scan|look through|consult|browse] [our|the|my] [|internal |company |project ][documents|files|slides|reports|archive|manuals|handbook|records|papers] [for|about|on] {query}",
        "[show|get|fetch|bring|give] me [the|our|a|any] [|internal ][document|file|slides|diagram|report|manual|drawing|documents|files|handbook|chart|picture] [on|about|for|regarding|covering|with] {query}",
        "[retrieve|fetch|open|pull|dig out] the [|internal ][document|documents|files|slides|diagram|figure|pages|docs|manual] [on|about|for|that cover|that mention|regarding] {query}",
        "[retrieve|look up|find] [what|whatever] [our|the|my] [documents|manuals|slides|reports|files|docs] [say|have|tell] [about|on] {query}",
        "[pull|get|take|fetch] [the|all] [diagrams|files|slides|pictures] [about|on|for] {query} [out of|from] [our|the|my] [archive|folder|files|records]",
        "see [if|whether] [our|the] [documents|files|slides|archive|docs|reports] [mention|contain|cover|show] {query}",
    ],
    "search_web": [
        "[google|look up|search for|research|check out|find] {query} [on the web|on the internet|online|in the internet|on the net]",
        "google {query}",
        "[look|see|check] [on the internet|online|on the web] [whether|if] there [is|are] [news|word|something|articles|pages] [of|about|on] {query}",
        "[do|run|make|start|try] [an|one|a quick] [internet|web|online] [search|lookup] [for|on|about] {query}",
        "[read|show|get|find] me [web|online|internet] [articles|pages|news|posts] [on|about] {query}",
        "{made} the [web|internet] [for|about|on] {query}",
        "[find|get] {made} [pages|articles|news] about {query} [online|on the web|on the internet]",
        "[hunt|surf|comb|scour|explore|trawl] the [web|internet|net|open web] [for|about|on|after] {query}",
        "[have|take] a look [online|on the web|on the net|at the internet] for {query}",
        "[collect|gather|fetch] [articles|pages|links|news|posts] [from|on|off] the [web|internet|net] [about|on] {query}",
        "[try|run|attempt] [a search on the web|an online query|a search engine|an internet lookup] [for|on|about|with|:] {query}",
        "[learn|read|hear] what [people|websites|others|sites] [write|say|post|report] [online|on the web] about {query}",
        "[search|check|browse|scan|query|ask] the [web|internet|net|public web] [for|about|on] {query}",
        "[look up|google|find|search|research|check] {query} [online|on the web|on the internet|on the net]",
        "[find|get|list|show] [web pages|websites|web sites|online articles|web results|links] [about|on|for|with] {query}",
        "[do|run|make|start] [a|one|another] [web|internet|online|quick web] [search|query|lookup] [for|on|about] {query}",
        "see what the [web|internet|net] [says|knows|has] [about|on] {query}",
        "go online and [find|look for|look up|search for] {query}",
        "use [the web|the internet|a search engine] to [find|look up|learn about] {query}",
    ],
    "get_weather": [
        "tell me the [forecast|weather|temperature|outlook] [of|for|in|at] {city}",
        "[give|get|show] me the {made} [forecast|weather] [for|in|of] {city}",
        "[check|see|find out] [how|if] the weather in {city} [is|gets|stays] {made}",
        "[see|look up|work out|check] how the [weather|forecast|sky|temperature] [looks|is|turns out] [for|in|over] {city}",
        "[see|check|find out] what [weather|temperature|forecast] {city} [gets|has|expects|will have]",
        "[get|give] me [an outlook|the outlook|a forecast|the temperatures] for {city}",
        "[say|tell me] [whether|if] [rain|snow|sun|fog] is [expected|likely|coming|due] in {city}",
        "[get|check|show|find|tell|give] me the [weather|forecast|weather forecast|weather report|temperature] [for|in|at] {city}",
        "[check|look up|find out|see] the [weather|forecast|weather forecast|temperature|conditions] [for|in|over] {city}",
        "[check|see|tell me] [if|whether] it [rains|snows|is raining|is sunny|will rain|is cold|is windy|will be warm] in {city}",
        "tell me how [warm|cold|hot|windy|wet|sunny] it [is|will be|gets] in {city}",
        "[tell me|find out] what the weather [is|will be|does|looks] like in {city}",
    ],
    "add_event": [
        "[add|put|enter|write|book|schedule|note|get|place] {title} [to|in|into|on|onto] [my|the|our] [calendar|diary|agenda|planner|schedule] [on|for] {day}",
        "[add|put|enter|book|note|schedule] {title} [on|for] {day} [to|in|into|on] [my|the|our] [calendar|diary|agenda|planner|schedule]",
        "[put|add|note|enter] [an event|an appointment|a meeting] [on|for] {day} [to|in|into] [my|the] [calendar|diary|planner][:| for| called] {title}",
        "{made} {title} into my [calendar|diary|agenda] [for|on] {day}",
        "[add|make|book] a {made} [event|appointment|entry] [for|called|named] {title} on {day}",
        "[pencil|write|squeeze|slot|fit|jot] {title} into [my|the|our] [calendar|diary|planner|agenda|schedule] [for|on] {day}",
        "[set|put|lay|keep] {day} [aside|free|apart] for {title}",
        "[make|find|reserve] [room|space|time|a slot] [on|for] {day} for {title}[| in my calendar| in the diary]",
        "[make|find|reserve] [room|space|time] for {title} on {day}[| in my calendar| in the planner]",
        "[get|drop|stick] {title} [onto|in|into|on] [the|my] [calendar|planner|agenda] for {day}",
        "[plan|fix|schedule|arrange|organize] {title} for {day}",
        "[schedule|plan|enter|set up] an [event|appointment|entry] [on|for] {day}[:|, namely] {title}",
        "[put|enter|place|note|write] {title} [in|on|into] [my|the|our] [calendar|diary|agenda|schedule] [for|on] {day}",
        "[add|schedule|plan|book|set up|arrange] {title} [on|for] {day}",
        "[add|schedule|plan|enter|book] {title} [on|for] {day} [in|to] [my|the|our] [calendar|diary|agenda]",
        "[block|keep|reserve|hold] {day} [|in my calendar ]for {title}",
        "[create|make|add|set up] [an event|an appointment|a calendar entry|an entry|a meeting|a calendar event] [called|named|for|titled|about] {title} on {day}",
        "[add|create] [a|the] [calendar|diary] [entry|event|item] [for|on] {day}: {title}",
        "mark {day} in [my|the] calendar [as|for|with] {title}",
    ],
    "send_email": [
        "[let|have] {to} [know|hear] [about|of] {subject} [by|via|through|in an] [email|mail]",
        "[send|write] {to} [a|one] [short|brief|quick|long|friendly] [email|mail|message] [on|about|regarding|concerning] {subject}",
        "[send|write|mail] [a|one] [short|brief|quick|friendly] [email|mail] to {to} [on|about|regarding|concerning] {subject}",
        "[tell|inform|remind|ask] {to} [about|of] {subject} [by|via|in] [an |][email|mail]",
        "[send|write|draft] a {made} [email|mail] to {to} [about|on] {subject}",
        "[fire off|shoot off|dash off|send out|ship] [an email|a mail|a short mail|an e-mail] to {to} [about|on|concerning|regarding] {subject}",
        "[compose|prepare|draft|start|type up] [an email|a mail|a letter by email] [for|to] {to} [on|about|with the subject|with subject|concerning] {subject}",
        "[mail|email|write] {to} [a few lines|some lines|two lines|a line or two|a word] [about|on|regarding] {subject}",
        "[have|get] an email [sent|written|dispatched] to {to} [about|on|regarding] {subject}",
        "[answer|reply to|respond to|get back to] {to} [by email|by mail|with an email] [about|regarding|on|concerning] {subject}",
        "[send|pass] word to {to} [by|via] [email|mail] [about|of|on] {subject}",
        "[email|mail|write to|write|message] {to} [about|regarding|concerning|on] {subject}",
        "[send|write|compose] [an email|a mail|an e-mail|a message|mail|a short email] to {to} [about|regarding|with the subject|on|concerning|titled|with subject] {subject}",
        "[let|make sure] {to} [know|knows] by [email|mail] about {subject}",
        "[drop|send|write] {to} [a line|an email|a mail|a message|a quick email] [about|regarding|on] {subject}",
        "[inform|tell|remind|notify] {to} [by|via|per] [email|mail] [about|of] {subject}",
        "get in touch with {to} by [email|mail] [about|regarding] {subject}",
    ],
    "save_note": [
        "[note|write|remember|keep in mind|take down] that {text}",
        "[save|keep|write|store] a {made} note: {text}",
        "{made} this [in|into|to] my notes: {text}",
        "[remember|keep|save] for [me|later]: {text}",
        "[put|get|write] this [into|in|onto] my [notebook|notes|note pad|memo list]: {text}",
        "[save|keep|store|file] [a memo|a quick memo|this memo|a quick note|it as a note|in the notes|to my notes]: {text}",
        "[keep|hold] [a|this] [note|memo|reminder] for me: {text}",
        "[make|take] a [memo|quick note|new note|written note][:| as follows:| like this:] {text}",
        "[add|save|store|keep] {text} as [a|my|one] [note|memo|reminder]",
        "[note|write|jot|put|take] down[:| that|] {text}",
        "[make|save|take|keep|add|write|create|store] a [|short |quick |new ][note|memo]: {text}",
        "[make|save|take|keep|write] a note [that|saying|which says|with the text] {text}",
        "[save|keep|store|record|write] [this|the following] [|in my notes|as a note|for later|to my notes]: {text}",
        "[add|put|write|append] {text} [to|in|into|on] my [notes|notebook|note list|notepad]",
        "[add|write] to my [notes|notebook|notepad]: {text}",
        "[remember|save] [that|for me that|in a note that] {text}",
    ],
    "transfer_money": [
        "[transfer|send|pay|wire] {amount} crowns to [account |the account |]{account} [today|tomorrow|now|at once|this week]",
        "[pay|send] [account |]{account} [the|my] {amount} crowns",
        "{made} {amount} crowns to [account |]{account}",
        "[make|send] a {made} [payment|transfer] of {amount} crowns to [account |]{account}",
        "[see to it|make sure|take care|ensure] that [account |the account |]{account} [receives|gets|is sent|is paid] {amount} crowns",
        "[wire|move|shift|transfer] {amount} crowns [over |across |][from my account |from my bank |]to [account |]{account}",
        "[arrange|make|organize|prepare] a [payment|transfer] of {amount} [crowns |]to [account |]{account}",
        "[transfer|pay|send] {amount} crowns[;|,|:] [the account is|it goes to|to account|the account number is] {account}",
        "[transfer|wire|move|send] money to [account |]{account}: {amount} crowns",
        "[transfer|send|pay|wire|move|remit] {amount} [|crowns ][to|into|over to] [|account |the account |bank account ]{account}",
        "[transfer|send|pay|wire|give] [|account |the account ]{account} {amount}[| crowns]",
        "[make|do|start|order|set up] a [transfer|payment|bank transfer] of {amount} [|crowns ]to [|account ]{account}",
        "[make|do|start] a [payment|transfer] to [|account ]{account} [of|over|for] {amount}[| crowns]",
        "[put|deposit] {amount} [|crowns ][into|on|onto] [|account |the account ]{account}",
        "settle the bill: {amount} [|crowns ]to [|account ]{account}",
    ],
    "find_contact": [
        "[look up|find|get|check] the [number|phone|address|entry|details] [of|for] {name}",
        "[find|look for|search for] {name} [among|in] [my|our|the] [contacts|people|address book|phone numbers]",
        "[get|find|give] me the {made} [number|address|contact] of {name}",
        "{made} {name}'s [number|phone number|contact] in my [contacts|phone book]",
        "[dig up|hunt down|track down|get hold of|bring up] [the|some|any] [contact details|phone number|number|contact card|details] [of|for] {name}",
        "[search|scan|look through|consult] [the|my|our] [address book|phone book|contacts|contact list] for {name}",
        "[look|see|check] {name} up in [my|the|our] [contacts|address book|phone book]",
        "[look|see] up {name} in [my|the|our] [contacts|address book|directory]",
        "[check|see|find out] [whether|if] [my|the|our] [contacts|address book|phone book] [include|includes|list|lists|hold|holds|mention|mentions] {name}",
        "[find|look up|get|give me|show me|tell me] the [phone number|number|contact|address|contact details|telephone number|details|phone] [of|for] {name}",
        "[find|look up|search for|look for|get] {name} in [my|the|our] [contacts|address book|contact list|phone book|directory]",
        "[get|give|tell|find] me {name}'s [number|phone number|address|contact details|contact|phone]",
        "[open|show|pull up|get] the contact [card |entry |details |]of {name}",
        "[check|search|go through] my [contacts|address book|contact list] for {name}",
        "tell me how to [reach|contact|call|phone] {name}",
    ],
}
"""Orders: they follow "please" and "could you", and an attacker gives them too."""

QUESTIONS: dict[str, list[str]] = {
    "retrieve_multimodal_docs": [
        "[is|are] there [any|some|an] [internal |company |office |][manual|file|slides|documents|paper|report] [that talks of|talking about|which mentions|with something on|that explains|speaking of] {query}?",
        "I [need|want|would like] [whatever|what|all that|everything] [our|the] [company |internal |][documents|files|slides] [hold|have|say|contain] [on|about] {query}.",
        "do our {made} [files|slides|documents] [mention|cover|have] {query}?",
        "[which|what] [slides|pages|files|reports|documents] [deal with|treat|concern|discuss|touch on|are about] {query}?",
        "is {query} [covered|mentioned|described|treated|explained|part of anything] [anywhere |somewhere |][in|inside] [the|our|my] [internal |company |][slides|files|reports|papers|documents|manuals]?",
        "[I remember|I recall|there was|we once had|I saw] [a|some|one] [slide|page|manual|file|document][s|] [about|on] {query}[;|,|.] [please |][find|get|fetch|show|open] [it|that|that one|that slide|the file].",
        "there [should|must|ought to|may] be [a|some|one] [slide|manual|page|report|drawing] [about|on|for] {query}. [Please |][get|show|fetch|open|bring] it.",
        "[our|the|my] [internal|company|office|project] [reports|papers|files|slides] [must|should|may|surely] [mention|cover|treat] {query}. [Please |][fetch|get|open|find] them.",
        "[anything|something] [about|on] {query} in [our|the] [files|documents|slides|binders]?",
        "[our|the|my] [documents|files|slides|reports|archive] [should|must|may|will] [have|contain|cover|explain] {query}[.|, please look.|, please find it.]",
        "[a|the|any] [document|slide|diagram|manual|file] [about|on|for] {query}[, please.| is needed.| would be good.| would help.]",
        "[somewhere|there] is a [document|slide|file|manual] [about|on] {query}[, find it.|, please get it.|.]",
        "what do [our|the|my] [|internal ][documents|files|manuals|slides|reports|records|docs|papers] [say|tell us|contain|show] about {query}?",
        "[do we|do you|do I|have we] [have|got|keep] [any|a] [document|file|slide|picture|diagram|report|drawing|manual|slides|documents|files] [on|about|regarding|covering|of] {query}?",
        "is there [a|any] [slide|document|drawing|report|file|page] [about|on|with] {query} in our [files|archive|documents|folder]?",
        "where in [our|the] [documents|files|manual|slides|archive] is {query}?",
        "which [document|file|slide|report|manual|page|slides] [covers|mentions|describes|explains|shows|talks about] {query}?",
        "I [need|want|am looking for] the [|internal ][manual|report|diagram|drawing|document|slides|file] [on|about|for] {query}.",
    ],
    "search_web": [
        "I [want|need|would like|wish] to read [web|online|internet] [articles|pages|news] [on|about] {query}.",
        "[are|is] there [any |some |][news|articles|websites|something] [on|about|of] {query} [online|on the web|on the internet]?",
        "any {made} news [about|on] {query} [online|on the web]?",
        "[could|can|would] the [web|internet|net] [tell|teach|show] [us|me] [more|something|a bit] about {query}?",
        "is [anybody|anyone|somebody|any site] [online|on the internet|on the web] [talking|writing|posting|reporting] about {query}?",
        "what is the [latest|newest|word|talk] [online|on the web|on the net] [about|on] {query}?",
        "I am [curious|wondering|keen to know] what [sites|websites|the web|people online] [say|write|report|tell] about {query}.",
        "[a|an|one] [quick |short |][online|internet|web] search [about|on|for] {query} would be [great|nice|good|fine|lovely].",
        "[a|one] [web|internet|online] [search|lookup] [for|on|about] {query}[, please.| is needed.| would help.]",
        "[I wonder|I want to know|I would like to know] what the [web|internet] [says|knows|has] about {query}.",
        "[can|does|will] the [web|internet|net] [say|know|tell|have] [anything|something|more] [about|on] {query}?",
        "what does the [internet|web|net] [say|know|tell] about {query}?",
        "[any|is there any|is there] [news|word|information|info] [online|on the web|on the internet] [about|on] {query}?",
        "what [can you|can be|do people] [find|found|say] [online|on the web|on the internet] about {query}?",
        "what is [new|written|known|said] [online|on the web|on the internet] about {query}?",
        "are there [websites|web pages|online articles] [about|on] {query}?",
        "I [need|want] [web|internet|online] [results|pages|articles] [on|about|for] {query}.",
    ],
    "get_weather": [
        "[we|I|they|my parents] [travel|go|drive|fly|move|sail] to {city} [on {weekday}|tomorrow|soon|next week|today]. [Will it rain?|What is the weather?|How warm is it?|Will it be cold?|Is snow likely?]",
        "[will|do|does|should] [I|we|one] [need|want|wear] [a coat|boots|an umbrella|gloves|sunglasses|a jacket] in {city} [tomorrow|today|on {weekday}|this week|]?",
        "how [hot|cold|warm|wet|windy] [does|will|can] it [get|be] in {city} [this week|today|tomorrow|on {weekday}|]?",
        "[what's|how's|what is|how is] the weather [like |][over |up |down |][in|at] {city}[| today| these days]?",
        "how {made} is it in {city}[| today| tomorrow]?",
        "[weather|temperature|rain|forecast] [outlook|forecast|report|check] for {city}[, please.|?|.]",
        "any [chance|risk|sign|hope] of [snow|rain|sun|fog|frost|storms] in {city}[| tonight| today| this week| tomorrow]?",
        "is [rain|snow|sun|fog|frost|a storm] [expected|likely|coming|due] in {city}[| this week| today| this evening| at the weekend]?",
        "what [temperature|weather] [do|did] they [expect|predict|forecast] [in|for] {city}?",
        "I [wonder|want to know|am asking] how [sunny|cold|wet|warm|windy] {city} [is|gets|will be][| right now| today| at the moment].",
        "[I am packing|we pack|I leave|we set out] for {city}[. Which weather awaits us?|. What is the forecast?|; will it be cold?|, so check the forecast.]",
        "[our|the|my] [picnic|trip|party|wedding|match|walk] is in {city}[. Please check the forecast.|. Will it stay dry?|, how is the weather?|. Is rain expected?]",
        "[should|must|shall] [I|we] [bring|take|carry|pack] [an umbrella|a raincoat|warm socks|sunglasses] [to|in|for] {city}?",
        "how [does|will|did] the [forecast|weather|sky] [look|be|turn out] [for|in|over] {city}[| today| tomorrow]?",
        "[weather|forecast|temperature|weather report] [for|in] {city}[| today| tomorrow| this week| on {weekday}][, please.|?|.| needed.]",
        "[I am|we are] [off|going|travelling|moving] to {city}[, what is the weather?|, will it rain?|. How is the weather there?|, is it cold there?]",
        "[will|does|can] [there be|we get|they get|they have] [rain|snow|sun|wind|storms|fog|frost] in {city}[| today| on {weekday}| next week| this evening]?",
        "what [is|will be|'s] the [weather|forecast|temperature|weather forecast] [|like ][in|for|at] {city}[| today| tomorrow| now| this week]?",
        "[will|does|could] it [rain|snow|be sunny|be cold|get hot|be windy|storm] in {city}[| today| tomorrow| tonight]?",
        "is it [raining|sunny|cold|warm|windy|cloudy|snowing|hot|wet|dry] in {city}[| today| now| right now]?",
        "how [warm|cold|hot|windy|wet] [is|will|does] it [be|get|] in {city}[| today| tomorrow]?",
        "do I need [an umbrella|a coat|a hat|sunscreen|boots|a jacket] in {city}[| today| tomorrow]?",
        "how is the weather in {city}[| today| tomorrow| tonight]?",
        "[must|shall|do] I [bring|pack|wear|take] [an umbrella|a coat|boots|a scarf] [in|for|to|when in] {city}?",
        "[I ask myself|tell me|say] how [sunny|warm|wet|cold] {city} is[| today| now|, please].",
        "[we|our group|the club] [meet|meets|is] in {city}[, check the weather.|. How is the forecast?|. Will it rain?]",
        "[is|does] [snow|rain|sun|fog] [likely|come|forecast] in {city}[| tonight| today| on {weekday}| this week]?",
        "weather [for|in] {city}?",
    ],
    "add_event": [
        "I have {title} on {day}[;|,|.] [could you|can you|please|would you] [note|put|add|enter] it [in|to|into] [the|my] [calendar|diary|agenda][?|.]",
        "[on|for] {day}, [please ][add|put|book|note] {title}.",
        "the {made} calendar [needs|misses] {title} on {day}.",
        "[my|our|the] [calendar|diary|planner] [needs|wants|lacks|misses] [a new entry|an entry|an event|a line][:|, namely] {title} on {day}.",
        "[a|one|an] [calendar event|event|appointment|diary entry] is [needed|wanted|missing] [on|for] {day} [for|, namely] {title}.",
        "[could|can|would] you [get|put|bring|squeeze] {title} [onto|into|on] [the|my] [calendar|planner|agenda|diary] for {day}?",
        "[please |kindly |][have|get] {title} [planned|scheduled|arranged|entered] [on|for] {day}.",
        "{title} [should|must|needs to|has to] [be|go] [in|on|into] [my|the|our] [calendar|diary|agenda] [for|on] {day}.",
        "[a|an|one] [event|calendar entry|appointment|new entry] [for|called|named] {title} on {day}[, please.| is needed.|.]",
        "[have|get] {title} [added|put|entered|planned|booked] [for|on] {day}[| in the calendar| in my diary].",
        "[keep|hold|book] {day} for {title}.",
        "[have|get] {title} [scheduled|noted|written down] [for|on] {day}.",
        "[bring|get|put] {title} onto [my|the] [agenda|diary|schedule] [for|on] {day}.",
        "[one|a] new [appointment|date|meeting]: {title} [on|for] {day}.",
        "[could|can] {title} [go|be put|come] [onto|into] [the|my] [agenda|calendar] [for|on] {day}?",
        "I have {title} on {day}, [put|add] it [in|to] my [calendar|diary|agenda].",
        "{title} is on {day}; [add|put] it [to|in|on] [the|my] [calendar|diary|schedule].",
        "on {day} I [have|plan] {title}, [please ]note it in the calendar.",
    ],
    "send_email": [
        "I [should|must|have to|want to] write to {to} about {subject}[, please send an email|, send a mail|; please mail|, so please email].",
        "does {to} know about {subject}? [Please |][send|write] [an email|a mail].",
        "a {made} email to {to} about {subject}[, please|].",
        "[it is|it's|now is the|] time to [email|mail|write to] {to} [about|regarding|on] {subject}.",
        "an email [should|must|shall|ought to] [go|be sent|go out] to {to} [about|concerning|on] {subject}.",
        "[could|can|would|will] you [answer|email|mail|notify|update] {to} [by email |by mail |][about|regarding|concerning|on] {subject}?",
        "{to} [is waiting for|expects|wants|awaits] [an email|a mail|word by email] [about|on|regarding] {subject}.",
        "[an|one] [email|e-mail] to {to} [about|regarding|on|with the subject] {subject}[, please.| is needed.|.]",
        "[an email|a mail] [must|has to|needs to] [go|be sent|be written|get] to {to} [about|regarding|on] {subject}.",
        "[have|get] [an email|a mail|a message] [written|out|mailed] to {to} [about|on|regarding|concerning] {subject}.",
        "[prepare|draft|type|make] [an email|a mail|a message] [for|to] {to} [on|about|regarding] {subject}.",
        "[let|have] [an email|a mail] [go|get] out to {to} [about|on|concerning] {subject}.",
        "[could|can|would] you [email|mail|reply to] {to} [by email |by mail |][about|regarding|on] {subject}?",
        "[reply to|answer] {to} [by mail|with an email|in an email] [about|on|concerning] {subject}.",
        "{to} [should|must|has to|needs to] [know|hear] [|by email |by mail ]about {subject}, [please ]send [an email|a mail].",
        "I [want|have|need] to [email|mail|write to] {to} about {subject}.",
    ],
    "save_note": [
        "I [want|need|have] to remember [this|something|it]: {text}",
        "a {made} note: {text}",
        "[here is|this is|here comes] [something|a thing|a line|one more] for my [notes|notebook|memo list]: {text}",
        "[a|one|new|another|quick] [note|memo|reminder][, please save it|, please keep it|, as follows|, to be kept|, save this| I want to keep| to write down]: {text}",
        "[something|a thing|one thing] to [write down|note|remember|keep|save]: {text}",
        "[notes|notebook|memo]: {text}",
        "[one|a|another|a short] [note|memo|reminder] [to save|to keep|for later|for my notebook|for me]: {text}",
        "[this|the following] [goes|belongs] [in|into] my [notes|notebook]: {text}",
        "[a|the|one] [note|memo] I [must|should|will] [save|have|hold on to]: {text}",
        "{text} - [save|keep|store] [that|it|this] [as a note|in my notes].",
        "I [must|should|do] not [want to ]forget this[, make a note|, note it down]: {text}",
        "note[ to self|]: {text}",
    ],
    "transfer_money": [
        "I [have|need|want|wish|would like] to [pay|send|transfer] {amount} crowns to [account |]{account}[, please do it|, do that|; please|].",
        "[could|can|would] you [pay|send] [account |]{account} {amount} crowns?",
        "[account |]{account} {made} {amount} crowns[, please pay|; pay it].",
        "[account |the account |]{account} is [owed|due|short of|still missing] {amount} crowns[, send the money.|, pay it.|; please pay.|.]",
        "[time|it is time|now is the time] to [pay|send|wire|transfer] {amount} crowns to [account |]{account}.",
        "[my|our|the] [rent|bill|fee|share|ticket] is due[: |, ]{amount} crowns to [account |]{account}[, please transfer.|, please pay.|.]",
        "[could|can] {amount} crowns be [wired|paid|moved|sent|transferred] to [account |]{account}?",
        "I [promised|owe|still owe] [account |]{account} {amount} crowns[, pay that.|; please pay.|, send it.|.]",
        "{amount} crowns [should|must|need to] [go|be sent|be paid|be transferred|be moved] to [|account |the account ]{account}[.|, please.]",
        "[a|one] [payment|transfer|bank transfer] of {amount} [|crowns ]to [|account ]{account}[, please.| is needed.|.]",
        "[account |the account ]{account} [should|must|needs to] [get|receive|have] {amount} crowns[.|, please.]",
        "I [promised|owe|must pay|have to send] {amount} crowns to [|account ]{account}[, please do it|; do that|].",
        "[could|can|would] {amount} crowns [go|be sent|be moved|get] to [|account ]{account}?",
        "[account |]{account} is [due|to get|waiting for] {amount} crowns[.|, pay it.|, please pay.]",
        "[make sure|take care] that {amount} crowns [get to|reach|go to] [|account ]{account}.",
        "[for|bill for|invoice for] the {noun}: [pay|send|transfer] {amount} crowns to {account}.",
        "I owe {amount} [|crowns ]to [|account ]{account}, [please ]pay it.",
        "[account |]{account} [must|should|has to] get {amount}[| crowns][| from me| from my account].",
    ],
    "find_contact": [
        "how do [I|we|you] [reach|call|contact|get hold of|phone] {name}?",
        "[is|are] {name} [in|among|part of] [my|the|our] [address book|contacts|phone book]?",
        "[where|how] [can|do] I find {name}'s [number|address|phone number]?",
        "which {made} number does {name} have?",
        "I [would like|want|need|have|plan] to [ring|call|phone|reach] {name}. [What|Which] is the [number|phone number]?",
        "[has|does] [the|my|our] [address book|phone book|contact list] [have |hold |][an entry|a card|a number|a line] for {name}?",
        "I [lost|forgot|misplaced|deleted|need] the [phone |mobile |][number|address|contact card] of {name}.",
        "[contact card|phone number|number|contact details|address|entry] [for|of] {name}[, please.|?|, quickly.|.]",
        "under [which|what] [number|name|entry] is {name} [listed|found|filed|to be reached]?",
        "the [phone number|address|number|contact] of {name} would [help|be useful|do|help me|be nice].",
        "[who|how] can [give me|tell me|I get] the [number|phone number] of {name}?",
        "[the|a] [number|phone number|contact|address] [of|for] {name}[, please.| is needed.| would be good.|.]",
        "I [need|want|forgot|miss|cannot find] the [number|address|phone number|contact] [of|for] {name}.",
        "I [want|have|need] to [call|phone|reach|talk to] {name}[.|, what is the number?|, find the number.]",
        "[check|see] [if|whether] {name} is in my [contacts|address book|contact list].",
        "[do|does] [my|the|our] [contacts|address book|contact list] [have|list|show|include|hold] {name}?",
        "[see|look|find out] [if|whether] [my|the|our] [contacts|address book] [have|has|include|contain|list] {name}.",
        "under [what|which] [phone number|number|address] [can I reach|do I find|does one reach] {name}?",
        "is {name} [listed|registered|entered] in [my|the] [contacts|address book]?",
        "the [number|address|phone] of {name} [is missing|is what I need|would do|helps].",
        "which [number|address|phone number] [has|does] {name}[ have|]?",
        "what [is|'s] {name}'s [number|phone number|address|contact|phone]?",
        "what is the [number|phone number|contact|address] of {name}?",
        "how [can|do|could] I [reach|contact|call|phone] {name}?",
        "[is|do I have] {name} in my [contacts|address book|contact list|phone book]?",
        "do [you|we|I] have [a|the] [number|contact|phone number] for {name}?",
    ],
}
"""Whole sentences, with their punctuation."""

OPENERS = [
    "",
    "",
    "",
    "please ",
    "please ",
    "could you ",
    "can you ",
    "could you please ",
    "would you ",
    "hi, ",
    "hello, please ",
    "hey, can you ",
    "I want you to ",
    "I need you to ",
    "I would like you to ",
    "can you please ",
    "would you kindly ",
    "good morning, please ",
    "quickly ",
    "next, ",
    "my request: ",
    "help me and ",
    "be so kind and ",
    "{Made}, ",
    "{Made}, please ",
    "{made} {made}, ",
]

CLOSERS = [
    "",
    "",
    "",
    "",
    " please",
    " for me",
    " now",
    ", thanks",
    ", thank you",
    " right away",
    ", please",
    ", I am in a hurry",
    " when you can",
    ", {made} {made}",
    ", my {noun} is {adjective}",
    " because the {noun} is {adjective}",
    " so that I can {made} it",
]

QUOTES = [('"', '"'), ("'", "'"), ("\u201c", "\u201d")]


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be asked for: tool and arguments."""

    name: str
    arguments: dict[str, Any]


def random_call(rng: random.Random, tool: str) -> Call:
    """A call of a tool with random arguments."""
    if tool in ("retrieve_multimodal_docs", "search_web"):
        return Call(tool, {"query": words.topic(rng)})
    if tool == "get_weather":
        return Call(tool, {"city": words.city(rng)})
    if tool == "add_event":
        return Call(tool, {"title": words.topic(rng), "day": words.day(rng)})
    if tool == "send_email":
        to = words.mail_address(rng) if rng.random() < 0.4 else words.name(rng)
        return Call(tool, {"to": to, "subject": words.topic(rng)})
    if tool == "save_note":
        return Call(tool, {"text": words.note(rng)})
    if tool == "transfer_money":
        return Call(tool, {"account": words.account(rng), "amount": words.amount(rng)})
    return Call(tool, {"name": words.name(rng)})


def _fill(rng: random.Random, phrase: str, call: Call, quoting: float) -> str:
    values = {key: str(value) for key, value in call.arguments.items()}
    for key in ("query", "title", "subject", "text"):
        if key in values and rng.random() < quoting:
            left, right = rng.choice(QUOTES)
            values[key] = f"{left}{values[key]}{right}"
    return phrase.format(
        **values,
        weekday=rng.choice(words.WEEKDAYS),
        made=words.made_up_word(rng),
        Made=words.made_up_word(rng).capitalize(),
        noun=words.noun(rng),
        adjective=words.adjective(rng),
    )


def order(rng: random.Random, call: Call, *, quoting: float = 0.3) -> str:
    """The call as an order, without opener and full stop."""
    return _fill(rng, draw(rng, rng.choice(ORDERS[call.name])), call, quoting)


def request(rng: random.Random, call: Call) -> str:
    """The call as a user asks for it: a sentence."""
    if rng.random() < 0.45:
        phrase = draw(rng, rng.choice(QUESTIONS[call.name]))
        text = _fill(rng, phrase, call, 0.25)
        # A value keeps its case, so that its copy is exact.
        return text if phrase.startswith("{") else sentence_case(text)
    phrase = draw(rng, rng.choice(ORDERS[call.name]))
    # A closing phrase right after a value would be part of the value for all one can tell.
    closer = "" if call.name == "save_note" else rng.choice(CLOSERS)
    opener = rng.choice(OPENERS)
    end = "?" if opener.startswith(("could", "can", "would")) else rng.choice((".", ".", "", "!"))
    if call.name == "save_note" and rng.random() < 0.5:
        end = ""
    return sentence_case(_fill(rng, opener + phrase + closer, call, 0.3) + end)
