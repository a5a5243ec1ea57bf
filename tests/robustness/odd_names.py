"""Names that break programs: markup, scripts, formulas, paths, invisible characters, other scripts and very long names."""

import random
import unicodedata

from tests.browser.pages import HURT

NAMES = (
    "a b", " a", "a ", "a  b", "A", "a", "ä", "a\u0308", "ﬁ", "ß", "ẞ", "İ", "ı", "Å", "Å", "名前", "こんにちは",
    "한국어", "한국어", "ไทย", "עברית",
    "العربية", "हिन्दी", "क्षि", "ελληνικά", "русский", "naïve café", "Zażółć", "x̂ȳ", "½", "²", "№", "٣", "①", "𝒜",
    "𠜎", "👁", "👩‍🔬", "🏳️‍🌈", "👨‍👩‍👧‍👦", "❤️", "🇩🇪", "1️⃣",
    "👍🏽", "می‌خواهم", "क्‍ष",
    f"<script>{HURT}</script>", f"</script><script>{HURT}</script>", f"<img src=x onerror={HURT}>",
        f'"><img src=x onerror={HURT}>',
    f"'><svg onload={HURT}>", f"javascript:{HURT}", f"<a href='javascript:{HURT}'>x</a>",
        f"<iframe srcdoc='<script>{HURT}</script>'>",
    f"{{{{{HURT}}}}}", f"${{{HURT}}}", f"`{HURT}`", f"';{HURT}//", f'";{HURT}//', f"\\';{HURT}//", f"-->{HURT}<!--",
    f"]]>{HURT}", "<!--", "-->",
    "<b>bold</b>", "<style>*{display:none}</style>", "<base href=//x>", "<meta http-equiv=refresh content=0>",
        "&lt;", "&amp;amp;", "&#x3c;",
    "</title>", "</textarea>", "<plaintext>", "<", ">", "&", '"', "'", "`", "\\", "\\\\", "\\n",
    "\\u003cscript\\u003e", "%3Cscript%3E", "{{7*7}}",
    "{% raw %}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{0}", "{name}", "%s", "%n", "%(a)s", "%", "100%", "%%", "%00",
    "=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "=HYPERLINK(\"http://x\")", "a,b", "a;b", "a|b", 'a"b',
        '"a"', '""', "a'b", "'", "#", "#a", "//a",
    "-", "--", "-rf", "--help", "-o", "*", "?", "~", "$HOME", "$(id)", "`id`", "a&&b", "a>b", "!", "a=b", "a:b",
    "a@b", "[a]", "(a)", "^$", ".*",
    ".", "..", "...", "a.", ".a", "../a", "../../etc/passwd", "/a", "a/b", "a\\b", "C:a", "C:\\a", "\\\\a\\b",
    "file:///a", "http://a/b?c#d",
    "CON", "con.png", "NUL", "AUX", "COM1", "LPT9.png", "PRN.", "desktop.ini", "Thumbs.db", ".DS_Store", "a.part",
    "a.lock", "a.json", "stimuli.csv",
    "NaN", "nan", "None", "null", "NULL", "undefined", "true", "False", "NA", "N/A", "n/a", "inf", "-inf", "0",
    "00", "1", "1.0", "1e5", "0x1", "1_000", "1,5",
    "__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "__class__", "__init__",
    "self", "this", "window", "length",
    "all", "total", "mean", "observer", "kind", "session", "trial", "stimulus", "condition", "category", "response",
    "rt", "correct", "dataset", "source",
    "evidence_cat", "measured_rt", "info_age", "shape", "texture", "subject-01", "subject-1", "ideal",
    "cue-conflict", "index", "level_0", "Unnamed: 0",
    "x" * 255, "x" * 300, "x" * 999, "x" * 1001, "名" * 90, "👁" * 100, "a" + "\u0301" * 30, "W" * 80,
    " ".join(["word"] * 60),
    "a\tb", "a\nb", "a\rb", "a\r\nb", "a\0b", "a\x1b[31mb", "a\x07b", "a\x7fb", "a\x85b", "a\u2028b", "a\u2029b",
    "a\u200bb", "a\u200db", "a\u200cb", "a\u2060b",
    "a\ufeffb", "\u202ea", "a\u2066b", "a\u200fb", "a\u00adb", "a\u00a0b", "a\u3000b", "a\u2003b", "\ud800",
    "a\udc80", "\ufffe", "\U000e0041", "\ue000", "a\u034fb", "\u3164", "",
)  # fmt: skip
ALPHABETS = (
    "abcABC012 _-.", "<>&\"'`=/\\;:{}[]()%$#@!?*|~^+,", "äöüßéèñçøåæœşğİıłżČřšž", "日本語한국어中文ไทย",
        "עבריתالعربيةفارسی", "👁👩🔬🏳🌈❤️\u200d\ufe0f",
    "\u0300\u0301\u0308\u0327\u0345", "\u200b\u200c\u200d\u200e\u202a\u202e\u2066\u2069\ufeff\u00ad\u00a0",
    "\t\n\r\0\x1b\x85\u2028",
)  # fmt: skip


def all_names(rng: random.Random, n_random: int) -> list[str]:
    """Return the names above and `n_random` random names of mixed alphabets."""
    random_names = []
    for _ in range(n_random):
        letters = "".join(rng.choice(rng.choice(ALPHABETS)) for _ in range(rng.randint(1, 12)))
        random_names.append(letters)
    return list(dict.fromkeys([*NAMES, *random_names]))


def is_same(read: str, written: str) -> bool:
    """Return whether a text was read back as it was written, apart from Unicode normalization (NFC)."""
    return unicodedata.normalize("NFC", read) == unicodedata.normalize("NFC", written)
