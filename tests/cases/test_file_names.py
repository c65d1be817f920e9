"""What a file that was added is called: by what it is, whatever it was called where it came from."""

import pytest

from chuanyu.cases import evidence

PDF = "application/pdf"


@pytest.mark.parametrize(
    ("sent", "kind", "kept"),
    [
        ("户口簿.pdf", PDF, "户口簿.pdf"),
        ("../户口簿.PDF", PDF, "户口簿.PDF"),
        ("C:\\desk\\照片.jpeg", "image/jpeg", "照片.jpeg"),
        ("照片.jpg", "image/jpeg", "照片.jpg"),
        ("证明.hta", PDF, "证明.hta.pdf"),
        ("run.html", "image/png", "run.html.png"),
        ("a\u202efdp.exe", PDF, "afdp.exe.pdf"),
        ("a\u202efdp.exe\u200b\x00\r\n", PDF, "afdp.exe.pdf"),
        ("x.hta:.pdf", PDF, "x.hta_.pdf"),
        ('a"<b>|?*.pdf', PDF, "a__b____.pdf"),
        ("", PDF, "file.pdf"),
        (".pdf", PDF, "file.pdf"),
        ("\u202e", "image/png", "file.png"),
        ("x" * 300 + ".exe", PDF, "x" * 196 + ".pdf"),
        ("x" * 300 + ".pdf", PDF, "x" * 196 + ".pdf"),
        ("y" * 195 + ".pdf.exe", PDF, "y" * 195 + "..pdf"),
    ],
)
def test_a_file_ends_in_what_it_is(sent: str, kind: str, kept: str) -> None:
    assert evidence.safe_name(sent, kind) == kept
    assert len(kept) <= 200
