"""Notes about texts that are probably the same or look wrong, and about tables in a folder that are not read."""

from analysis import read_trials
from analysis.measures.accuracy import accuracy
from tests.unit.analysis.io.test_same_texts import HEAD, rows_of, write

ANIMALS = {f"{number}.png": category for number, category in enumerate(["cat", "dog"] * 4, start=1)}


def test_categories_in_capitals_are_read_like_those_of_other_files(tmp_path):
    rows = [row.replace(",cat", ",CAT").replace(",dog", ",DOG") for row in rows_of("subject-01", ANIMALS, rt="0.5")]
    write(tmp_path / "mine_subject-01_session_1.csv", rows)
    write(tmp_path / "mine_vgg16_session-1.csv", rows_of("vgg16", ANIMALS, n_wrong=3))
    frame = read_trials(tmp_path)
    assert set(frame["category"]) | set(frame["response"]) == {"cat", "dog"}
    assert accuracy(frame)["accuracy"].tolist() == [0.75, 0.625]
    assert frame.attrs["assumed_n_choices"] == {"mine": 2}
    assert any("'CAT' as cat, 'DOG' as dog (mine_subject-01_session_1.csv)" in note for note in frame.attrs["notes"])


def test_categories_that_one_file_distinguishes_are_kept(tmp_path):
    images = {"1.png": "a", "2.png": "A", "3.png": "b", "4.png": "B"}
    write(tmp_path / "letters_subject-01_session_1.csv", rows_of("subject-01", images, rt="0.5"))
    write(tmp_path / "letters_vgg16_session-1.csv", rows_of("vgg16", {"1.png": "a", "3.png": "b"}, n_wrong=1))
    assert set(read_trials(tmp_path)["category"]) == {"a", "A", "b", "B"}


def test_an_image_with_two_categories_is_noted(tmp_path):
    others = {image: "dog" if category == "cat" else "cat" for image, category in ANIMALS.items()}
    write(tmp_path / "mine_subject-01_session_1.csv", rows_of("subject-01", ANIMALS, rt="0.5"))
    write(tmp_path / "mine_vgg16_session-1.csv", rows_of("vgg16", {**ANIMALS, "1.png": others["1.png"]}))
    assert any(
        "1 image of mine has different categories in different trials, such as '1.png': cat (for subject-01) and dog (for "
        "vgg16); either" in note
        for note in read_trials(tmp_path).attrs["notes"]
    )
    write(tmp_path / "mine_vgg16_session-1.csv", rows_of("vgg16", ANIMALS))
    assert not any("in different trials" in note for note in read_trials(tmp_path).attrs["notes"])


def test_names_of_observers_that_are_probably_one_are_noted(tmp_path):
    for name in ("subject-1", "subject-01", "Subject_001", "subject-10", "vgg16", "vgg19"):
        write(tmp_path / f"mine_{name}_session_1.csv", rows_of(name, ANIMALS, rt="0.5"))
    notes = [
        note for note in read_trials(tmp_path).attrs["notes"] if note.startswith("some names of observers of mine")
    ]
    assert len(notes) == 1 and "'Subject_001' and 'subject-01' and 'subject-1'; if" in notes[0]


def test_tables_in_other_formats_are_counted(tmp_path):
    text = "\n".join([HEAD, *rows_of("subject-01", ANIMALS, rt="0.5")]) + "\n"
    for name in ("mine_subject-01_session_1.csv", "mine_b_session_1.txt", "mine_c_session_1.CSV"):
        (tmp_path / name).write_text(text.replace("subject-01", name[5:].partition("_")[0]))
    (tmp_path / "d.tsv").write_text(text.replace(",", "\t"))
    (tmp_path / "e.json").write_text('[{"rt": 1}]')
    (tmp_path / "f.xlsx").write_bytes(b"PK")
    (tmp_path / "g.mat").write_bytes(b"MATLAB")
    for name in ("README.txt", ".h.txt", "mine_subject-01_session_1.json"):
        (tmp_path / name).write_text("{}\nThese data, which we recorded, are good.\n")
    frame = read_trials(tmp_path)
    assert set(frame["observer"]) == {"subject-01", "c"}
    assert frame.attrs["notes"][:2] == [
        "4 files were skipped, because the name does not end in .csv (`observers import` can read it): d.tsv, e.json, "
        "f.xlsx, …",
        "1 file was skipped, because trials are not read from .mat files (save the table as CSV): g.mat",
    ]
    assert len(read_trials(tmp_path / "mine_c_session_1.CSV")) == len(ANIMALS)


def test_responses_that_are_not_categories_are_named_with_the_number_of_choices(tmp_path):
    rows = [row.replace(",cat,dog,", ",none,dog,") for row in rows_of("subject-01", ANIMALS, rt="0.5")]
    notes = read_trials(write(tmp_path / "mine_subject-01_session_1.csv", rows)).attrs["notes"]
    assert any(
        "assumed to be 3, the number of different categories and responses, of which these are not categories: 'none'; --n"
        in note
        for note in notes
    )
