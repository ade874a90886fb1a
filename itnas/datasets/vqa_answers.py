"""How VQA v2 is scored: answers brought to one spelling, and the soft accuracy against ten people.

The rules, oddities included, are those of the official evaluation (github.com/GT-Vision-Lab/VQA, vqaEval.py), on which
all published figures rest: https://visualqa.org/evaluation.html.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ARTICLES = frozenset({"a", "an", "the"})

_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS = {word: str(number) for number, word in enumerate(_WORDS)} | {"zero": "0"}

# What is found, what stands for it. Odd on purpose: "somebody'd" loses its apostrophe, and "shes", "ill" are not known.
# The official "Im", "Ive", "Id've" and "I'dve" are left out: words are lower case before they are looked up.
_CONTRACTIONS = """
aint ain't | arent aren't | cant can't | couldve could've | couldnt couldn't | couldn'tve couldn't've
couldnt've couldn't've | didnt didn't | doesnt doesn't | dont don't | hadnt hadn't | hadnt've hadn't've
hadn'tve hadn't've | hasnt hasn't | havent haven't | hed he'd | hed've he'd've | he'dve he'd've | hes he's | howd how'd
howll how'll | hows how's | isnt isn't | itd it'd | itd've it'd've | it'dve it'd've | itll it'll | maam ma'am
mightnt mightn't | mightnt've mightn't've | mightn'tve mightn't've | mightve might've | mustnt mustn't | mustve must've
neednt needn't | notve not've | oclock o'clock | oughtnt oughtn't | ow's'at 'ow's'at | 'ows'at 'ow's'at
'ow'sat 'ow's'at | shant shan't | shed've she'd've | she'dve she'd've | shouldve should've | shouldnt shouldn't
shouldnt've shouldn't've | shouldn'tve shouldn't've | somebody'd somebodyd | somebodyd've somebody'd've
somebody'dve somebody'd've | somebodyll somebody'll | somebodys somebody's | someoned someone'd
someoned've someone'd've | someone'dve someone'd've | someonell someone'll | someones someone's | somethingd something'd
somethingd've something'd've | something'dve something'd've | somethingll something'll | thats that's | thered there'd
thered've there'd've | there'dve there'd've | therere there're | theres there's | theyd they'd | theyd've they'd've
they'dve they'd've | theyll they'll | theyre they're | theyve they've | twas 'twas | wasnt wasn't | wed've we'd've
we'dve we'd've | weve we've | werent weren't | whatll what'll | whatre what're | whats what's | whatve what've
whens when's | whered where'd | wheres where's | whereve where've | whod who'd | whod've who'd've | who'dve who'd've
wholl who'll | whos who's | whove who've | whyll why'll | whyre why're | whys why's | wont won't | wouldve would've
wouldnt wouldn't | wouldnt've wouldn't've | wouldn'tve wouldn't've | yall y'all | yall'll y'all'll | y'allll y'all'll
yall'd've y'all'd've | y'alld've y'all'd've | y'all'dve y'all'd've | youd you'd | youd've you'd've | you'dve you'd've
youll you'll | youre you're | youve you've
"""
CONTRACTIONS: dict[str, str] = {
    pair.split()[0]: pair.split()[1] for line in _CONTRACTIONS.strip().splitlines() for pair in line.split("|")
}

PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
# A look-behind was meant too, but a typing error disarmed it: "5." loses its point, ".5" and "a.5" keep theirs.
_POINT = re.compile(r"\.(?!\d)")
# The official call passes a flag (re.UNICODE, which is 32) where the count belongs.
_POINTS_AT_MOST = 32


def without_punctuation(text: str) -> str:
    """Each sign goes if it stands beside a space anywhere in the text, and else becomes a space.

    One comma between digits ("1,000") makes all signs of the text go.
    """
    number = _COMMA_IN_NUMBER.search(text) is not None
    result = text
    for sign in PUNCTUATION:
        goes = number or f"{sign} " in text or f" {sign}" in text
        result = result.replace(sign, "" if goes else " ")
    return _POINT.sub("", result, count=_POINTS_AT_MOST)


def normalise_answer(answer: str) -> str:
    """The answer as the official evaluation compares it where the ten people differ."""
    words = [NUMBERS.get(word, word) for word in without_punctuation(on_one_line(answer)).lower().split()]
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def on_one_line(answer: str) -> str:
    """The answer with nothing changed but its line ends."""
    return answer.replace("\n", " ").replace("\t", " ").strip()


def agreement(matches: int, people: int) -> float:
    """Mean over the people left out of min(1, matches among the others / 3): 0, 0.3, 0.6, 0.9, 1 for 0 ... 4 of ten."""
    # Leaving out one of the `matches` people who agree costs a match; leaving out another costs none.
    agreeing = matches * min(1.0, (matches - 1) / 3)
    others = (people - matches) * min(1.0, matches / 3)
    return (agreeing + others) / people


def vqa_accuracy(prediction: str, answers: Sequence[str]) -> float:
    """The official soft accuracy of a prediction against what (ten) people answered, between 0 and 1.

    Where all people gave the same answer, nothing is normalised, so as to leave text read off the image as it is:
    "Yes!" is then wrong where all said "yes".
    """
    if isinstance(answers, str) or not answers:
        raise ValueError(f"the answers of at least one person are needed, as a list of texts, but got {answers!r}")
    given, said = on_one_line(prediction), [on_one_line(answer) for answer in answers]
    if len(set(said)) > 1:
        given, said = normalise_answer(given), [normalise_answer(answer) for answer in said]
    return agreement(said.count(given), len(said))
