from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DataError
from engine.tasks.mlp import csv_table
from engine.tasks.mlp.csv_table import read_table
from engine.tasks.mlp.table import Table

GOOD = "a,b,kind\n1,2,x\n2,1,y\n3,5,x\n4,4,y\n"


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_table_has_numbers_and_the_last_column_as_its_target(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, GOOD), None, "auto")
    assert table.feature_names == ("a", "b") and table.target_name == "kind"
    assert table.class_names == ("x", "y")
    np.testing.assert_array_equal(table.features, [[1, 2], [2, 1], [3, 5], [4, 4]])
    np.testing.assert_array_equal(table.target, [0, 1, 0, 1])


def test_any_column_may_be_the_target(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a,b,c\n1,2.5,3\n2,1,2\n3,5,9\n4,4,7\n"), "b", "auto")
    assert table.task_type == "regression" and table.feature_names == ("a", "c")
    np.testing.assert_array_equal(table.target, [2.5, 1, 5, 4])


@pytest.mark.parametrize("separator", [";", "\t"])
def test_semicolons_tabs_a_byte_order_mark_and_blank_lines_are_read(tmp_path: Path, separator: str) -> None:
    path = write(tmp_path, GOOD.replace(",", separator).replace("\n", "\r\n\r\n"), "utf-8-sig")
    assert read_table(path, None, "auto").feature_names == ("a", "b")


def test_quoted_values_may_hold_commas_and_lines(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, GOOD.replace("x", '"x, or\nso"')), None, "auto")
    assert table.class_names == ("x, or\nso", "y")


def test_few_whole_numbers_are_classes_in_the_order_of_numbers(tmp_path: Path) -> None:
    rows = "".join(f"{value},{value % 3 + 9}\n" for value in range(12))
    path = write(tmp_path, "a,kind\n" + rows)
    assert read_table(path, None, "auto").class_names == ("9", "10", "11")
    assert read_table(path, None, "regression").task_type == "regression"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("1,2\n3,4\n", "holds numbers, not names"),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n7,3.2,versicolor\n6.4,3.2,versicolor\n", "holds values, not names"),
        ("a,,kind\n1,2,x\n2,1,y\n3,1,x\n4,5,y\n", "Column 2 has no name"),
        ("a,a,kind\n1,2,x\n2,1,y\n3,1,x\n4,5,y\n", "Columns 1 and 2 are both called 'a'"),
        ("a,b,kind\n1,2,x\n2,1\n3,1,y\n4,1,x\n5,2,y\n", "Line 3 has 2 values, its header names 3"),
        ("a,b,kind\n1,red,x\n2,1,y\n3,1,y\n4,1,x\n", "'b' holds 'red' on line 2 among finite numbers"),
        ("a,b,kind\n1,inf,x\n2,1,y\n3,1,y\n4,1,x\n", "'b' holds 'inf' on line 2 among finite numbers"),
        (
            "a,b,kind\n1,2020-01-01,x\n2,soon,y\n3,2020-02-01,y\n4,2020-02-03,x\n",
            "'b' holds 'soon' on line 3 among dates",
        ),
        ("a,b,kind\n1,,x\n1,,y\n1,,y\n1,,x\n", "'a' is the same in every row, 'b' is empty"),
        ("a,kind\n1,x\n2,\n3,y\n4,x\n", "3 rows with a target: at least 4"),
        ("a,price\n1,10\n2,20.5\n3,free\n4,31\n5,12.5\n", "'price' holds 'free' on line 4 among finite numbers"),
        ("a,price\n1,1e306\n2,-2e306\n3,3e306\n4,4.5\n", "'price' has '1e306' in row 1: numbers beyond 1e+100"),
        ("a,price\n1,1e-320\n2,2e-320\n3,3e-320\n4,4e-320\n", "'price' varies by is less than 1e-100"),
        ("a,b,kind\n1,7,x\n2,1e306,y\n3,4,x\n4,5,y\n", "'b' holds '1e306' on line 3: numbers beyond 1e+100"),
        ("a,b,kind\n1,2,x\n2,1,x\n3,5,x\n4,4,x\n", "one class 'x'"),
        ("a,b,kind\n1,2,p\n2,1,q\n3,5,r\n4,4,s\n", "4 different values in 4 rows"),
        ("a,b,size\n1,2,0.5\n2,1,0.5\n3,5,0.5\n4,4,0.5\n", "0.5 in all 4 rows"),
        ("a,kind\n1,x\n2,y\n", "2 rows: at least 4"),
        ("a,kind\n1,\n2,\n", "0 rows with a target: at least 4"),
        ("a,kind\n1,x\n", "It has 1 row: at least 4"),
        ("a,kind\n", "0 rows: at least 4"),
        ("kind\nx\ny\nx\ny\n", "only the column 'kind'"),
        ('a,kind\n1,"x\n', "no CSV"),
    ],
)
def test_a_bad_table_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        read_table(write(tmp_path, text), None, "auto")
    assert said in raised.value.cause
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ([2], "on line 4 among finite numbers."),
        ([2, 7], "on line 4 among finite numbers, and another on line 9."),
        ([2, 7, 30], "on line 4 among finite numbers, and more on lines 9 and 32."),
        (range(14), "on line 2 among finite numbers, and more on lines 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 3 others."),
    ],
)
def test_each_value_that_does_not_fit_is_told_with_its_line(tmp_path: Path, bad: Sequence[int], told: str) -> None:
    rows = [f"{row},{'free' if row in bad else row * row}" for row in range(200)]
    with pytest.raises(DataError) as raised:
        read_table(write(tmp_path, "\n".join(["a,price", *rows]) + "\n"), None, "regression")
    assert told in raised.value.cause


def test_an_unknown_target_is_answered_with_the_columns_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'prize'.*a, b, kind"):
        read_table(write(tmp_path, GOOD), "prize", "auto")


def test_text_that_is_to_be_predicted_as_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'kind' holds 'x' on line 2 among finite numbers, and more on lines 3, "):
        read_table(write(tmp_path, GOOD), None, "regression")


def test_all_complaints_of_a_file_come_at_once(tmp_path: Path) -> None:
    text = "a,b,b,kind\n1,2,3,x\n2,1\nred,1,2,y\n4,inf,3,x\n5,4,3,y\n6,7,8,9,10\n7,8,8,x\n"
    with pytest.raises(DataError) as raised:
        read_table(write(tmp_path, text), None, "auto")
    for said in ("Columns 2 and 3", "Line 3 has 2", "Line 7 has 5", "'a' holds 'red' on line 4", "'inf' on line 5"):
        assert said in raised.value.cause


def test_a_doubled_name_counts_as_no_row(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        read_table(write(tmp_path, "a,a,kind\n1,2,x\n2,1,x\n3,1,x\n"), None, "auto")
    said = raised.value.cause
    assert "Columns 1 and 2 are both called 'a'. It has 3 rows: at least 4 are needed." in said
    assert "lines that can be read" not in said and "class" not in said


def test_ten_complaints_and_a_count_are_enough(tmp_path: Path) -> None:
    lines = [f"{number},{number % 2}" if number % 2 else f"{number}" for number in range(30)]
    with pytest.raises(DataError) as raised:
        read_table(write(tmp_path, "\n".join(["a,kind", *lines])), None, "auto")
    assert raised.value.cause.count("Line ") == 9 and raised.value.cause.endswith("And 6 more.")
    assert "All 15 rows are of the one class '1'" in raised.value.cause, "fifteen bad lines hide no other fault"


def column(tmp_path: Path, values: list[str], separator: str = ",") -> tuple[Table, list[list[float]]]:
    """A table with this column beside one of numbers, and the features that became of it."""
    lines = [f'{place}{separator}"{value}"{separator}{"xy"[place % 2]}' for place, value in enumerate(values)]
    table = read_table(write(tmp_path, "\n".join([separator.join(["a", "b", "kind"]), *lines])), None, "auto")
    return table, table.features[:, 1:].T.tolist()


@pytest.mark.parametrize(
    ("values", "separator", "read"),
    [
        (["1,5", "2", "1.234,25", "-3"], ";", [1.5, 2, 1234.25, -3]),
        (["1,5", "2,25", "7", "8"], ";", [1.5, 2.25, 7, 8]),
        (["1,234", "5", "1,234,567.5", "8"], ",", [1234, 5, 1234567.5, 8]),
        (["1 234", "5", "12'345", "1\u202f000"], ",", [1234, 5, 12345, 1000]),
        (["1.5", "2e3", "-.5", "+4"], ";", [1.5, 2000, -0.5, 4]),
        (["yes", "No", "no", "YES"], ",", [1, 0, 0, 1]),
        (["true", "false", "true", "false"], ",", [1, 0, 1, 0]),
    ],
)
def test_numbers_are_read_as_people_write_them(
    tmp_path: Path, values: list[str], separator: str, read: list[float]
) -> None:
    _, features = column(tmp_path, values, separator)
    assert features == [read]


def test_points_are_thousands_where_another_column_has_decimal_commas(tmp_path: Path) -> None:
    text = "a;b;kind\n1,5;1.000;x\n2,25;950;y\n3;2.500;x\n4;800;y\n"
    table = read_table(write(tmp_path, text), None, "auto")
    assert table.features[:, 1].tolist() == [1000, 950, 2500, 800]


@pytest.mark.parametrize(
    ("values", "style"),
    [
        (["1970-01-02", "1970-03-05", "1971-01-01", "1970-01-04"], ""),
        (["02.01.1970", "05.03.1970", "01.01.1971", "04.01.1970"], "day.month.year"),
        (["01/02/1970", "03/05/1970", "01/01/1971", "01/04/1970"], "month/day/year"),
    ],
)
def test_a_date_becomes_days_month_and_day_of_the_week(tmp_path: Path, values: list[str], style: str) -> None:
    table, features = column(tmp_path, values)
    assert features == [[1, 63, 365, 3], [1, 3, 1, 1], [4, 3, 4, 6]]
    assert table.feature_names[1:] == ("b: days since 1970-01-01", "b: month", "b: day of the week")
    assert style in " ".join(table.notes)


def test_a_day_beyond_twelve_tells_the_day_from_the_month(tmp_path: Path) -> None:
    _, features = column(tmp_path, ["02/01/1970", "13/01/1970", "03/02/1970", "04/01/1970"])
    assert features[0] == [1, 12, 33, 3]


@pytest.mark.parametrize(
    ("others", "ambiguous", "days"),
    [
        (["22/05/1970", "13/01/1970", "03/02/1970", "04/01/1970"], "day/month/year", [31, 59, 1, 90]),
        (["05/22/1970", "01/13/1970", "03/02/1970", "04/01/1970"], "month/day/year", [1, 2, 31, 3]),
        (["03/02/1970", "04/01/1970", "05/06/1970", "01/01/1970"], "month/day/year", [1, 2, 31, 3]),
        (["22/05/1970 08:30", "13/01/1970 17:00", "03/02/1970 09:15", ""], "day/month/year", [31, 59, 1, 90]),
    ],
)
def test_dates_of_one_file_have_one_order(tmp_path: Path, others: list[str], ambiguous: str, days: list[int]) -> None:
    """Two columns of one table were read in opposite orders, one of them wrongly."""
    ordered = ["01/02/1970", "01/03/1970", "02/01/1970", "01/04/1970"]
    lines = [f"{one},{other},{'xy'[place % 2]}" for place, (one, other) in enumerate(zip(ordered, others, strict=True))]
    table = read_table(write(tmp_path, "\n".join(["ordered,delivered,kind", *lines])), None, "auto")
    assert table.features[:, table.feature_names.index("ordered: days since 1970-01-01")].tolist() == days
    assert f"'ordered' are read as {ambiguous}." in " ".join(table.notes)


def test_a_date_in_the_target_tells_the_order_too(tmp_path: Path) -> None:
    text = "a,b\n01/02/1970,22/01/1970\n02/02/1970,22/01/1970\n01/03/1970,23/01/1970\n02/03/1970,23/01/1970\n"
    assert "'a' are read as day/month/year." in " ".join(read_table(write(tmp_path, text), None, "auto").notes)


def test_a_time_of_day_is_kept(tmp_path: Path) -> None:
    table, features = column(tmp_path, ["1970-01-01 06:00", "1970-01-01T12:00", "1970-01-02", "1970-01-02 18:00"])
    assert features[0] == [0.25, 0.5, 1, 1.75] and features[-1] == [6, 12, 0, 18]
    assert table.feature_names[-1] == "b: hour"


def test_words_are_categories_and_what_is_missing_stays_so(tmp_path: Path) -> None:
    table, (codes,) = column(tmp_path, ["red", "", "blue", "red", "n/a"])
    assert table.levels == {"b": ("blue", "red")}
    np.testing.assert_array_equal(codes, [1, np.nan, 0, 1, np.nan])
    assert not table.numeric
    assert (
        table.notes[0]
        == "'kind' is predicted from 2 columns: 1 number, 1 category. Encoded, they are at most 4 numbers."
    )
    assert "2 missing values in 'b'" in table.notes[1]


def test_columns_that_tell_nothing_are_left_out_and_named(tmp_path: Path) -> None:
    lines = [f"{place},{place + 100},7,,{chr(97 + place)}name,{place * place},{'xy'[place % 2]}" for place in range(24)]
    table = read_table(write(tmp_path, "\n".join([",id,same,void,name,b,kind", *lines])), None, "auto")
    assert table.feature_names == ("b",)
    said = " ".join(table.notes)
    assert said.startswith("'kind' is predicted from 6 columns: 1 number, 1 constant, 1 empty, 3 identifier left out. ")
    assert "in every row: 'same'" in said and "empty: 'void'" in said and "row: '', 'id', 'name'" in said


@pytest.mark.parametrize("name", ["year", "grid", "paid", "humid", "a"])
def test_numbers_that_only_happen_to_count_are_learned_from(tmp_path: Path, name: str) -> None:
    text = "\n".join([f"{name},kind", *(f"{place + 2000},{'xy'[place % 2]}" for place in range(24))])
    assert read_table(write(tmp_path, text), None, "auto").feature_names == (name,)


def test_rows_without_a_target_are_left_out_and_counted(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, GOOD + "7,7,\n8,8,?\n"), None, "auto")
    assert len(table.target) == 4
    assert table.notes[-1] == "2 rows without 'kind' left out (lines 6, 7)."
    assert table.files[0].verdict == "used_with_note" and table.notes[-1] in (table.files[0].reason or "")


def test_a_class_of_one_row_is_named(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, GOOD + "7,7,z\n8,8,x\n"), None, "auto")
    assert table.notes[-1] == "With a single row, learned and never checked: 'z'."


def test_a_separator_at_the_end_of_lines_is_no_column(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, GOOD.replace("\n", ",\n")), None, "auto")
    assert table.target_name == "kind" and table.feature_names == ("a", "b")


def test_without_scikit_learn_only_what_needs_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "find_spec", lambda name: None)
    assert read_table(write(tmp_path, GOOD), None, "auto").numeric
    with pytest.raises(DataError, match="pip install scikit-learn"):
        read_table(write(tmp_path, GOOD.replace("1,2", "1,")), None, "auto")


EXCEL = "Größe;Preis;Art\r\n1,5;1.000;Käse\r\n2,25;950;Öl\r\n3;2.500;Käse\r\n4;800;Öl\r\n"


@pytest.mark.parametrize(
    ("encoding", "begin", "read_as"),
    [("latin-1", "", "Windows-1252 (Latin-1)"), ("cp1252", "sep=;\r\n", "Windows-1252 (Latin-1)"),
     ("utf-16", "", "UTF-16"), ("utf-8-sig", "", ""), ("utf-8", "", "")],
)  # fmt: skip
def test_a_file_is_read_as_a_spreadsheet_writes_it_and_says_how(
    tmp_path: Path, encoding: str, begin: str, read_as: str
) -> None:
    table = read_table(write(tmp_path, begin + EXCEL, encoding), None, "auto")
    assert table.feature_names == ("Größe", "Preis") and table.class_names == ("Käse", "Öl")
    assert table.features.tolist() == [[1.5, 1000], [2.25, 950], [3, 2500], [4, 800]]
    said = " ".join(table.notes)
    assert "Values are separated by semicolons." in said
    assert ("The file is no UTF-8 and was read as" in said) == bool(read_as) and read_as in said
    assert said in (table.files[0].reason or "")


@pytest.mark.parametrize("data", [b"PK\x03\x04\x00\x00a;b\n", b"\x81\x8d;\xff\n", b"a,b\n1,\x00\n"])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match="is no text"):
        read_table(path, None, "auto")


def test_a_target_is_read_with_the_decimal_sign_of_the_other_columns(tmp_path: Path) -> None:
    rows = "".join(f"{place},5;{place}.250\n" for place in range(1, 30))
    table = read_table(write(tmp_path, "a;price\n" + rows), None, "auto")
    assert table.target[:2].tolist() == [1250, 2250]


@pytest.mark.parametrize("task_type", ["auto", "regression"])
@pytest.mark.parametrize("value", ["inf", "-Infinity"])
def test_an_infinite_target_is_named_with_its_line(tmp_path: Path, task_type: str, value: str) -> None:
    rows = "".join(f"{place},{value if place == 1 else place * 1.5}\n" for place in range(40))
    with pytest.raises(DataError) as raised:
        read_table(write(tmp_path, "a,price\n" + rows), None, task_type)
    assert f"Column 'price' holds '{value}' on line 3 among finite numbers." in raised.value.cause
    assert "classes" not in str(raised.value) and str(raised.value).count("Correct") == 1


def test_faults_of_lines_columns_and_target_come_together(tmp_path: Path) -> None:
    text = "a,b,c,kind\n1,2,7,oops\n2,1\nred,1,7,oops\n" + "4,5,7,oops\n" * 20
    with pytest.raises(DataError) as raised:
        read_table(write(tmp_path, text), None, "auto")
    for said in ("'a' holds 'red' on line 4", "Line 3 has 2 values", "All 22 rows are of the one class 'oops'"):
        assert said in raised.value.cause
    with pytest.raises(DataError, match=r"3 rows: at least 4.*'a' holds 'inf' on line 3"):
        read_table(write(tmp_path, "a,kind\n1,x\ninf,y\n3,x\n"), None, "auto")
