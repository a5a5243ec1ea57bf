"""Find out whether the labels of a classifier are those of ImageNet, and in which order.

A model with 1000 outputs need not have the classes of ImageNet, and its outputs need not be in the order of ILSVRC 2012. Its
labels show which of these holds, if they are WordNet ids, numbers or names of classes. Names differ between models
("fire engine", "fire truck", "fire_engine"), so those of the 207 classes that belong to one of the sixteen categories are
compared with the table below.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from attrs import frozen

from stimuli.categories import IMAGENET_CLASSES
from stimuli.imagenet import WORDNET_IDS

MIN_SHARE = 0.75  # share of the compared labels that must have one of the names below
_PREFIX = re.compile(r"^n\d{8}[ :,]+")  # a WordNet id before the names of a class
_GENERIC = re.compile(r"LABEL_(\d+)|(\d+)")  # as transformers names classes by default, and folders named by numbers

# Names of the classes of each category, in the order of `IMAGENET_CLASSES`; other names of a class follow after "/".
# Case, hyphens and underscores do not matter.
_NAMES = {
    "airplane": "airliner",
    "bear": "brown bear, american black bear, ice bear/polar bear, sloth bear",
    "bicycle": "bicycle built for two/tandem bicycle, mountain bike",
    "bird": """
        hen, brambling, goldfinch, house finch, junco, indigo bunting, robin/american robin, bulbul, magpie,
        chickadee, water ouzel/american dipper, bald eagle, vulture, great grey owl/great gray owl, black grouse,
        ptarmigan, ruffed grouse, prairie chicken/prairie grouse, african grey/african grey parrot, macaw, sulphur
        crested cockatoo, lorikeet, coucal, bee eater, hornbill, hummingbird, jacamar, toucan, red breasted
        merganser, goose, black swan, white stork, black stork, spoonbill, flamingo, little blue heron, american
        egret/great egret, bittern, limpkin, european gallinule/common gallinule, american coot, bustard, ruddy
        turnstone, red backed sandpiper/dunlin, redshank, dowitcher, oystercatcher, pelican, king penguin
    """,
    "boat": "canoe, fireboat, lifeboat, speedboat/motorboat, yawl",
    "bottle": """
        beer bottle, pill bottle, pop bottle/soda bottle, water bottle, water jug, whiskey jug, wine bottle
    """,
    "car": "beach wagon/station wagon, convertible, sports car",
    "cat": "tabby/tabby cat, tiger cat, persian cat, siamese cat, egyptian cat, cougar",
    "chair": "barber chair, folding chair, rocking chair, throne",
    "clock": "analog clock, digital clock, wall clock",
    "dog": """
        japanese spaniel/japanese chin, maltese dog/maltese, pekinese/pekingese, shih tzu, blenheim spaniel/king
        charles spaniel, papillon, toy terrier, rhodesian ridgeback, afghan hound, basset/basset hound, beagle,
        bloodhound, bluetick/bluetick coonhound, black and tan coonhound, walker hound/treeing walker coonhound,
        english foxhound, redbone/redbone coonhound, borzoi, irish wolfhound, italian greyhound, whippet, ibizan
        hound, norwegian elkhound, otterhound, saluki, scottish deerhound, weimaraner, staffordshire
        bullterrier/staffordshire bull terrier, american staffordshire terrier, bedlington terrier, border terrier,
        kerry blue terrier, irish terrier, norfolk terrier, norwich terrier, yorkshire terrier, wire haired fox
        terrier/wire fox terrier, lakeland terrier, sealyham terrier, airedale/airedale terrier, australian terrier,
        dandie dinmont/dandie dinmont terrier, boston bull/boston terrier, miniature schnauzer, giant schnauzer,
        standard schnauzer, scotch terrier/scottish terrier, tibetan terrier, silky terrier/australian silky
        terrier, soft coated wheaten terrier, west highland white terrier, flat coated retriever, curly coated
        retriever, golden retriever, labrador retriever, chesapeake bay retriever, german short haired
        pointer/german shorthaired pointer, vizsla, english setter, irish setter, gordon setter, brittany
        spaniel/brittany dog, clumber/clumber spaniel, english springer/english springer spaniel, welsh springer
        spaniel, cocker spaniel/english cocker spaniel, sussex spaniel, irish water spaniel, kuvasz, schipperke,
        groenendael/groenendael dog, malinois/malinois dog, briard, komondor, old english sheepdog, shetland
        sheepdog, collie, border collie, bouvier des flandres, rottweiler, german shepherd/german shepherd dog,
        doberman/dobermann, miniature pinscher, greater swiss mountain dog, bernese mountain dog,
        appenzeller/appenzeller sennenhund, entlebucher/entlebucher sennenhund, bull mastiff/bullmastiff, tibetan
        mastiff, french bulldog, great dane, saint bernard/st bernard, eskimo dog/husky, malamute/alaskan malamute,
        siberian husky, affenpinscher, basenji, pug, leonberg/leonberger, newfoundland/newfoundland dog, great
        pyrenees, pomeranian, keeshond, brabancon griffon/brussels griffon, pembroke/pembroke welsh corgi, toy
        poodle, miniature poodle, standard poodle, mexican hairless/mexican hairless dog
    """,
    "elephant": "indian elephant/asian elephant, african elephant/african bush elephant",
    "keyboard": "computer keyboard, typewriter keyboard",
    "knife": "cleaver",
    "oven": "rotisserie",
    "truck": """
        fire engine/fire truck, garbage truck, minivan, moving van, pickup/pickup truck, police van, tow truck,
        trailer truck/semi trailer truck
    """,
}
NAMES: dict[int, tuple[str, ...]] = {
    number: tuple(names.strip().split("/"))
    for category, text in _NAMES.items()
    for number, names in zip(IMAGENET_CLASSES[category], " ".join(text.split()).split(","), strict=True)
}
_NUMBER_OF = {name: number for number, names in NAMES.items() for name in names}


@frozen
class ImageNetOrder:
    """What the labels of 1000 outputs say about their classes.

    Attributes:
        outputs: For each class of ImageNet in the order of ILSVRC 2012, the output that belongs to it, or None for a class
            that belongs to none of the sixteen categories and whose output is unknown. Empty if the classes are not
            those of ImageNet.
        basis: How this is known: "checked" by all compared labels; "assumed", because the labels are missing or generic
            or some of them are unknown; "reordered" by the labels; "refused".
        reason: Description of the basis: the end of a sentence about the labels.
    """

    outputs: tuple[int | None, ...]
    basis: str
    reason: str


_IN_ORDER = tuple(range(len(WORDNET_IDS)))


def names_of(label: str) -> list[str]:
    """Return the names in a label, which are separated by commas, in lower case without hyphens and underscores."""
    text = _PREFIX.sub("", label.strip().lower().replace("_", " ").replace("-", " "))
    return [" ".join(part.replace("'", "").replace(".", "").split()) for part in text.split(",")]


def compare_names(labels: Mapping[int, str]) -> tuple[int, list[int]]:
    """Compare labels, by the number of their class, with the names of ImageNet in the order of ILSVRC 2012.

    Returns:
        The number of labels with a name of their class, and the classes whose label is a name of another class.
    """
    n_known, contradictions = 0, []
    for number in NAMES.keys() & labels.keys():
        names = names_of(labels[number])
        if any(f" {known} " in f" {name} " for known in NAMES[number] for name in names):
            n_known += 1
        elif _NUMBER_OF.keys() & set(names):
            contradictions.append(number)
    return n_known, sorted(contradictions)


@lru_cache(maxsize=64)
def imagenet_order(labels: Sequence[str]) -> ImageNetOrder:
    """Return what the labels of 1000 outputs say about their order. `labels` is a tuple, empty if they are unknown."""
    if not labels:
        return ImageNetOrder(_IN_ORDER, "assumed", "the outputs do not have labels")
    assert len(labels) == len(WORDNET_IDS)
    ids = [label.strip().lower()[:9] for label in labels]
    if set(ids) == set(WORDNET_IDS):
        return _ordered(ids, WORDNET_IDS, "by the WordNet ids in the labels")
    matches = [_GENERIC.fullmatch(label.strip()) for label in labels]
    numbers = [int(match[1] or match[2]) if match else -1 for match in matches]
    if set(numbers) == set(_IN_ORDER):
        if numbers == [*_IN_ORDER]:
            return ImageNetOrder(_IN_ORDER, "assumed", f"the labels are {labels[0]}, {labels[1]}, {labels[2]}, …")
        return _ordered(numbers, _IN_ORDER, "by the numbers in the labels")
    n_known, contradictions = compare_names(dict(enumerate(labels)))
    if not contradictions and n_known >= MIN_SHARE * len(NAMES):
        if n_known == len(NAMES):
            return ImageNetOrder(_IN_ORDER, "checked", "the labels are those of ImageNet")
        reason = (
            f"{len(NAMES) - n_known} of {len(NAMES)} compared labels are unknown, and the others are those of ImageNet"
        )
        return ImageNetOrder(_IN_ORDER, "assumed", reason)
    outputs = _outputs_by_name(labels)
    if outputs is not None:
        return ImageNetOrder(outputs, "reordered", "by the names in the labels")
    number = (contradictions or [n for n in NAMES if compare_names({n: labels[n]})[0] == 0])[0]
    example = f"the label of class {number} is {labels[number]!r:.60} instead of {NAMES[number][0]!r}"
    return ImageNetOrder((), "refused", example)


def _ordered(keys: Sequence[object], expected: Sequence[object], by: str) -> ImageNetOrder:
    """Return the order of outputs that are identified by keys. `expected` has the keys in the order of ILSVRC 2012."""
    output_of = {key: output for output, key in enumerate(keys)}
    outputs = tuple(output_of[key] for key in expected)
    return ImageNetOrder(outputs, "checked" if outputs == _IN_ORDER else "reordered", by)


def _outputs_by_name(labels: Sequence[str]) -> tuple[int | None, ...] | None:
    """Return the outputs whose labels name the classes of the sixteen categories, or None if one is not unique."""
    candidates: dict[int, set[int]] = {}
    for output, label in enumerate(labels):
        for name in _NUMBER_OF.keys() & set(names_of(label)):
            candidates.setdefault(_NUMBER_OF[name], set()).add(output)
    if len(candidates) < len(NAMES) or any(len(outputs) > 1 for outputs in candidates.values()):
        return None
    unique = {number: min(outputs) for number, outputs in candidates.items()}
    return tuple(unique.get(number) for number in _IN_ORDER) if len(set(unique.values())) == len(unique) else None
