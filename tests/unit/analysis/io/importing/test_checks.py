"""Notes about imported trials that are possible but often wrong, and refusals of what can be read in two ways."""

import json

import pytest

from analysis.io.importing.numbers import to_numbers
from core.errors import LogError, UserError
from tests.unit.analysis.io.importing.imported_rows import columns, import_text

HEAD = "subject,image,response,category,rt\n"

FIELD = (
    "subj,session,trial,rt,object_response,category,condition,imagename\n"
    "subject-{},1,1,{},cat,cat,0,0001_nse_s01_0_cat_1_n1_1.png\n"
)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.234,5", "834,5"], [1234.5, 834.5]), (["1,234.5", "834"], [1234.5, 834]), (["1.234.567"], [1234567]),
        (["1.234", "2.345"], [1.234, 2.345]), (["0.734", "1.234", "512"], [0.734, 1.234, 512]),
        (["0,734", "1.234,5", "NaN"], [0.734, 1234.5, None]), ([".5", "5.", "1e-3", "+2"], [0.5, 5, 0.001, 2]),
        (["1,234", "1,02"], [1.234, 1.02]),
    ],
)  # fmt: skip
def test_decimal_and_thousands_separators(cells, expected):
    assert to_numbers(cells, [""] * len(cells), None)[0] == expected


@pytest.mark.parametrize(
    ("cells", "name"), [(["1,234", "834"], "comma"), (["834", "1.234"], "point"), (["1,234"], "comma")]
)
def test_a_number_that_can_be_read_in_two_ways_is_refused(cells, name):
    with pytest.raises(LogError, match=f"the {name} in '1.234' may separate decimals or thousands; name .* --decimal"):
        to_numbers(cells, [""] * len(cells), None)
    as_decimal, as_thousands = (",", ".") if name == "comma" else (".", ",")
    assert 1.234 in to_numbers(cells, [""] * len(cells), as_decimal)[0]
    assert 1234 in to_numbers(cells, [""] * len(cells), as_thousands)[0]


@pytest.mark.parametrize("cell", ["1_000", "12,34,5", "1.23.4", "500 ms", "1 234"])
def test_what_is_not_a_number_is_refused(cell):
    with pytest.raises(LogError, match="expected a number"):
        to_numbers([cell], ["x"], None)


def test_observers_with_different_units_are_refused(tmp_path):
    text = HEAD + "p1,a.png,a,a,501\np1,b.png,a,a,502\np2,a.png,a,a,0.6\n"
    with pytest.raises(
        LogError, match=r"is 0\.6 for p2 and 501\.5 for p1, so their units differ; import the observers"
    ):
        import_text(tmp_path, text)
    assert import_text(tmp_path, text, rt_unit="ms")[0][2]["rt"] == "0.0006"


def test_responses_and_categories_without_each_other_are_noted(tmp_path):
    text = HEAD + "p,a.png,cat,cat,.5\np,b.png,hund,dog,.5\np,c.png,hund,dog,.5\n"
    _, lines = import_text(tmp_path, text)
    assert "note: responses that are not a category: hund (2)" in lines
    assert "note: categories that are never a response: dog" in lines


def test_upper_case_and_accents_of_a_response_are_those_of_its_category(tmp_path):
    text = (
        HEAD + "p,a.png,Cat,cat,.5\np,b.png,dog,dog,.5\np,c.png,Jose\u0301,Jos\u00e9,.5\np,d.png,F,F,1\np,e.png,f,f,1\n"
    )
    rows, lines = import_text(tmp_path, text)
    assert [row["response"] for row in rows] == ["cat", "dog", "Jos\u00e9", "F", "f"]
    assert "response, with the upper and lower case of the categories" in lines and "not a category" not in lines


def test_a_column_of_correctness_is_compared(tmp_path):
    text = "image,response,category,Correct\na.png,cat,cat,{}\nb.png,cat,dog,{}\nc.png,,dog,{}\n"
    _, lines = import_text(tmp_path, text.format("WAHR", 0, "NA"), observer="a")
    assert "according to" not in lines
    _, lines = import_text(tmp_path, text.format(1, 1, 0), observer="b")
    assert "in 1 of 3 trials, Correct contradicts the comparison of the response with the category" in lines
    assert "(first in line 3); check the columns" in lines
    _, lines = import_text(tmp_path, text.format("very", 1, 1), observer="c")
    assert "according to" not in lines


def test_unusual_response_times_are_noted(tmp_path):
    _, lines = import_text(tmp_path, HEAD + "a,a.png,a,a,-0.1\na,b.png,a,a,.5\na,c.png,a,a,5000\n")
    assert "note: 1 response time is negative" in lines
    assert "note: 1 response time is longer than 60 s (up to 5000 s)" in lines
    _, lines = import_text(tmp_path, HEAD.replace("rt", "rt_s") + "b,a.png,a,a,500\nb,b.png,a,a,600\n")
    assert "note: the median of the response times is 550 s; if the unit is wrong, use --rt-unit" in lines
    rows, lines = import_text(tmp_path, HEAD + "c,a.png,,a,-1\nc,b.png,a,a,.5\n")
    assert [row["rt"] for row in rows] == ["", "0.5"] and "response times of missing responses are missing" in lines


def test_a_category_that_differs_from_the_published_one_is_noted(tmp_path):
    text = "image,response,category\ncat1-dog2.png,cat,dog\nbear1-dog2.png,dog,bear\n"
    rows, lines = import_text(tmp_path, text, dataset="cue-conflict", observer="a")
    assert (
        rows[0]["category"] == "dog"
        and "in the name of the image in 1 of 2 trials; to use the names, add --map" in lines
    )
    rows, lines = import_text(tmp_path, text, dataset="cue-conflict", observer="b", columns=("category=",))
    assert rows[0]["category"] == "cat" and "differs" not in lines


def test_a_single_stimulus_is_noted(tmp_path):
    _, lines = import_text(tmp_path, HEAD + "a,draw(c),a,a,.5\na,draw(c),b,b,.5\n")
    assert "note: all trials have the same stimulus, 'draw(c)'; if another column names the images" in lines


def test_all_responses_may_be_wrong(tmp_path):
    text = HEAD + "a,a.png,x,y,.5\n"
    message = "if all responses are wrong, list every response and category, for example --answers x=x,y=y"
    with pytest.raises(LogError, match=message):
        import_text(tmp_path, text)
    rows, _ = import_text(tmp_path, text, answers={"x": "x", "y": "y"})
    assert columns(rows, "category", "response") == [("y", "x")]


def test_names_of_observers_keep_their_zeros(tmp_path):
    rows, _ = import_text(tmp_path, HEAD + "007,a.png,a,a,.5\n8.0,a.png,a,a,.5\n")
    assert [row["observer"] for row in rows] == ["007", "8"]


def test_observers_that_file_names_do_not_distinguish_are_refused(tmp_path):
    with pytest.raises(
        LogError, match=r"observers 'Anna' and 'anna' of a\.csv would both .*: correct the names in the table"
    ):
        import_text(tmp_path, HEAD + "Anna,a.png,a,a,.5\nanna,a.png,a,a,.5\n")


def test_a_single_name_for_several_observers_is_refused(tmp_path):
    text = HEAD + "p1,a.png,a,a,.5\np2,a.png,a,a,.5\n"
    with pytest.raises(UserError, match=r"me names a single observer, but .*a\.csv has 2 in the column subject: p1"):
        import_text(tmp_path, text, observer="me")
    assert len(import_text(tmp_path, text, observer="me", where=("subject=p2",))[0]) == 1
    rows, _ = import_text(tmp_path, text, observer="we", columns=("observer=",))
    assert [row["observer"] for row in rows] == ["we", "we"]
    with pytest.raises(
        UserError, match=r"has 2 in the layout model-vs-human: subject-01, subject-02; remove the option"
    ):
        import_text(tmp_path, FIELD.format("01", 0.7) + FIELD.format("02", 0.7).partition("\n")[2], observer="me")


def test_options_about_the_table_apply_to_files_with_a_recognized_layout(tmp_path):
    text = FIELD.format("01", 700)
    rows, lines = import_text(tmp_path, text)
    assert rows[0]["rt"] == "700" and "note: the median of the response times is 700 s; if the unit is wrong" in lines
    rows, _ = import_text(tmp_path, text.replace("subject-01", "subject-02"), rt_unit="ms")
    assert rows[0]["rt"] == "0.7"


def test_empty_columns_are_named(tmp_path):
    with pytest.raises(LogError, match="Its columns are subject, image, category; empty are response, rt; recognized"):
        import_text(tmp_path, HEAD + "p,a.png,,a,\n")


def jspsych(n, **entries):
    """Return trials of jsPsych."""
    return [
        {"trial_type": "image-button-response", "trial_index": i, "stimulus": f"{i}.png", "response": "f", "rt": 500,
         "correct_response": "f", **entries} for i in range(n)
    ]  # fmt: skip


def test_two_runs_of_jspsych_without_names_are_refused(tmp_path):
    text = json.dumps(jspsych(2)) + json.dumps(jspsych(2), indent=1)  # as JATOS concatenates them
    with pytest.raises(LogError, match=r"twice: the file contains several participants .* observer=document or --map"):
        import_text(tmp_path, text, "a.txt", kind=None)
    rows, lines = import_text(tmp_path, text, "a.txt", kind=None, columns=("observer=document",))
    assert columns(rows, "observer", "trial") == [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")]
    assert "2 JSON lists in utf-8" in lines
    rows, _ = import_text(tmp_path, text, "b.txt", kind=None, columns=("trial=",))
    assert [row["trial"] for row in rows] == ["1", "2", "3", "4"]


def test_a_name_in_a_single_row_is_that_of_all_trials_of_the_run(tmp_path):
    runs = [[{"trial_type": "survey", "trial_index": 9, "subject": name}, *jspsych(1)] for name in ("x", "y")]
    rows, _ = import_text(tmp_path, "\n".join(map(json.dumps, runs)), "a.txt", kind=None)
    assert columns(rows, "observer", "stimulus") == [("x", "0.png"), ("y", "0.png")]


def test_positions_of_the_mouse_are_part_of_a_trial(tmp_path):
    rows, _ = import_text(tmp_path, json.dumps(jspsych(2, mouse=[{"x": 1}, {"x": 2}, {"x": 3}])), "a.json", kind=None)
    assert [row["info_mouse"] for row in rows] == ['[{"x": 1}, {"x": 2}, {"x": 3}]'] * 2


def test_several_images_in_a_trial(tmp_path):
    rows, _ = import_text(tmp_path, json.dumps(jspsych(1, stimulus=["x/a.png", "x/b.png"])), "a.json", kind=None)
    assert rows[0]["stimulus"] == "a.png + b.png"
    for image in ("data:image/png;base64,iVBO", "<img src='data:image/png;base64,iVBO'>"):
        with pytest.raises(
            LogError, match=r"is the content of an image and not its name; name another column with --map"
        ):
            import_text(tmp_path, json.dumps(jspsych(1, stimulus=image)), "a.json", kind=None)


def test_words_have_one_spelling(tmp_path):
    text = "image,corrAns,key.keys,trials.thisN\na.png,'l',[u'l'],0\nb.png,1.0,1,1\nc.png,\"\"\"r\"\"\",['r'],2\n"
    rows, lines = import_text(tmp_path, text, kind=None)
    assert columns(rows, "category", "response") == [("l", "l"), ("1", "1"), ("r", "r")] and "note" not in lines


def test_conditions_with_decimal_commas(tmp_path):
    text = "image;response;category;condition\ncat1.png;cat;cat;0,1\ncat2.png;cat;cat;0,10\n"
    rows, _ = import_text(tmp_path, text, observer="a")
    assert [row["condition"] for row in rows] == ["0.1", "0.1"]
    rows, _ = import_text(tmp_path, text, observer="b", dataset="uniform-noise")
    assert [row["condition"] for row in rows] == ["0.10", "0.10"]
