from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import DataError
from engine.tasks.mlp.csv_table import read_table

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
        ("a,,kind\n1,2,x\n", "Column 2 of table.csv has no name"),
        ("a,a,kind\n1,2,x\n", "two columns called 'a'"),
        ("a,b,kind\n1,2,x\n2,1\n3,1,y\n4,1,x\n", "Line 3 of table.csv has 2 values, its header names 3"),
        ("a,b,kind\n1,2,x\n,1,y\n3,,y\n4,1,x\n", "'a' of table.csv has no value on line 3"),
        ("a,b,kind\n1,NaN,x\n2,?,y\n3,1,y\n4,1,x\n", "'b' of table.csv has no value on line 2 and on 1 more"),
        ("a,b,kind\n1,red,x\n2,1,y\n3,1,y\n4,1,x\n", "'b' of table.csv holds 'red' on line 2"),
        ("a,b,kind\n1,inf,x\n2,1,y\n3,1,y\n4,1,x\n", "holds 'inf' on line 2"),
        ("a,b,kind\n1,2,x\n2,2,y\n3,2,y\n4,2,x\n", "'b' of table.csv is 2 in every row"),
        ("a,b,kind\n1,2,x\n2,1,x\n3,5,x\n4,4,x\n", "one class 'x'"),
        ("a,b,kind\n1,2,p\n2,1,q\n3,5,r\n4,4,s\n", "4 different values in 4 rows"),
        ("a,b,size\n1,2,0.5\n2,1,0.5\n3,5,0.5\n4,4,0.5\n", "0.5 in all 4 rows"),
        ("a,kind\n1,x\n2,y\n", "2 rows: at least 4"),
        ("kind\nx\ny\nx\ny\n", "only the column 'kind'"),
        ('a,kind\n1,"x\n', "no CSV"),
    ],
)
def test_a_bad_table_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        read_table(write(tmp_path, text), None, "auto")
    assert said in raised.value.cause
    assert raised.value.remedy


def test_an_unknown_target_is_answered_with_the_columns_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'prize'.*a, b, kind"):
        read_table(write(tmp_path, GOOD), "prize", "auto")


def test_text_that_is_to_be_predicted_as_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1 has 'x'"):
        read_table(write(tmp_path, GOOD), None, "regression")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="UTF-8"):
        read_table(write(tmp_path, GOOD.replace("x", "é"), "latin-1"), None, "auto")
