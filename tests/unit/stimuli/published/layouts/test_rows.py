"""Files that spreadsheets, other systems and interrupted copies change are read correctly, refused, or read with a note."""

import pytest

from analysis import read_trials
from core.errors import LogError
from core.trial_columns import NAMES

HEAD = "subj,session,trial,rt,object_response,category,condition,imagename"
FIRST = "subject-01,1,1,0.5,cat,cat,a,cat1.png"
SECOND = "subject-01,1,2,0.6,dog,cat,a,cat2.png"
ROWS = [
    ["subject-01", 1, 1, 0.5, "cat", "cat", "a", "cat1.png"],
    ["subject-01", 1, 2, 0.6, "dog", "cat", "a", "cat2.png"],
]
COLUMNS = ["observer", "session", "trial", "rt", "response", "category", "condition", "stimulus"]


def write(folder, content: bytes | str, name: str = "mine_subject-01_session_1.csv"):
    """Write a file of trials."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff\ufeff{HEAD}\n{FIRST}\n{SECOND}\n",
        f"{HEAD.upper()}\r\n{FIRST}\r\n{SECOND}\r\n",
        f"{HEAD}\r\n{FIRST}\n{SECOND}\r\n",
        f"{HEAD}\r{FIRST}\r{SECOND}",
        f"{HEAD}\r\r\n{FIRST}\r\r\n{SECOND}\r\r\n",
        "\n".join(line.replace(",", " , ") for line in (HEAD, FIRST, SECOND)),
        "\n".join(line.replace(",", ",\u00a0") for line in (HEAD, FIRST, SECOND)),
        "\n".join('"' + line.replace(",", '", "') + '"' for line in (HEAD, FIRST, SECOND)),
        "\n".join(f"{line},,," for line in (HEAD, FIRST, SECOND)),
        f"{HEAD}\n{FIRST},\n{SECOND},\n",
        f",,,,,,,\n\n{HEAD}\n{FIRST}\n,,,,,,,\n{SECOND}\n,,,,,,,\n , ,,,,,,\n",
    ],
    ids=["two byte order marks", "capitals", "mixed line endings", "old line endings", "doubled line endings", "spaces",
         "non-breaking spaces", "quotation marks", "empty columns", "trailing commas", "empty rows"],
)  # fmt: skip
def test_files_that_programs_change_are_the_same_trials(tmp_path, content):
    frame = read_trials(write(tmp_path, content))
    assert frame[COLUMNS].astype(object).to_numpy().tolist() == ROWS
    assert set(frame["dataset"]) == {"mine"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{HEAD}\n{FIRST}\n".replace("0.5", '"0,5"'), "line 2: rt is '0,5', expected a number"),
        (f"{HEAD}\n{FIRST},x\n", "line 2: found 9 cells, but the header has 8"),
        (f"{HEAD}\n{FIRST[:20]}\n", "line 2: found 5 cells, but the header has 8"),
        (f"{HEAD},Session\n{FIRST},1\n", "two columns of the same name"),
        (
            f"{HEAD}\n{FIRST.replace('cat1', 'chaîne')}\n".encode("latin-1"),
            "is not valid UTF-8; save the file as UTF-8, or use",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, content, message):
    with pytest.raises(LogError, match=message):
        read_trials(write(tmp_path, content))


@pytest.mark.parametrize("n_missing", range(1, len("cat2.png") - 1))
def test_a_row_that_is_cut_in_the_name_of_its_image_is_ignored(tmp_path, n_missing):
    frame = read_trials(write(tmp_path, f"{HEAD}\n{FIRST}\n{SECOND}"[:-n_missing]))
    assert frame["stimulus"].tolist() == ["cat1.png"]
    assert "has an incomplete last row, which is ignored" in frame.attrs["notes"][0]


def test_a_complete_last_row_needs_no_line_break(tmp_path):
    assert len(read_trials(write(tmp_path, f"{HEAD}\n{FIRST}\n{SECOND}"))) == 2
    other = SECOND.replace(".png", ".JPEG")
    assert len(read_trials(write(tmp_path, f"{HEAD}\n{FIRST}\n{other}"))) == 2


def test_our_own_columns_in_upper_case_and_with_an_index(tmp_path):
    head = ",".join([*NAMES[:12], "shape", "evidence_cat"])
    row = "mine,a,human,1,1,1,cat1.png,,cat,cat,0.5,,cat,0.25"
    frame = read_trials(write(tmp_path, f",{head.upper()}\n0,{row}\n"))
    assert frame["correct"].tolist() == [True] and frame["shape"].tolist() == ["cat"]
    assert [name for name in frame.columns if name.startswith("evidence")] == ["evidence_CAT"]
    assert frame["info_unnamed"].tolist() == ["0"]
    with pytest.raises(LogError, match="two columns 'observer', which differ only in upper and lower case"):
        read_trials(write(tmp_path, f"{head},OBSERVER\n{row},a\n"))


def test_the_same_letters_in_two_forms_are_one_image(tmp_path):
    first, second = (f"{HEAD}\n{FIRST}\n".replace("cat1", letter) for letter in ("e\u0301", "\u00e9"))
    write(tmp_path, first)
    write(tmp_path, second.replace("-01", "-02"), "mine_subject-02_session_1.csv")
    assert set(read_trials(tmp_path)["stimulus"]) == {"\u00e9.png"}
