"""Small files that unfold into enormous ones are refused with a message, quickly and in little
memory."""

import io
import struct
import subprocess
import sys
import textwrap
import zipfile
import zlib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from damage import HEADERS, good_rows, write_book, write_old_book  # noqa: E402

SHEET = "xl/worksheets/sheet1.xml"
TEXT = b"<is><t>x</t></is>"

CHILD = textwrap.dedent("""
    import resource, sys, time
    from plastinka.core import InputError
    from plastinka.data.ingest import read_sources
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        outcome = f"read {len(read_sources(None, [sys.argv[1]]).rows)}"
    except InputError as error:
        outcome = f"refused {error}"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    print(f"{time.process_time() - start:.1f}\\t{grown}\\t{outcome}")
""")


def read(path):
    "CPU seconds, MiB and outcome of reading a file in a process of its own, which may take 6 GiB."
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"the process ends with {done.returncode}: {done.stderr[-300:]}"
    seconds, grown, outcome = done.stdout.strip().split("\t", 2)
    return float(seconds), int(grown), outcome


def members():
    "The parts of a good workbook."
    with zipfile.ZipFile(io.BytesIO(write_book([HEADERS, *good_rows(2)], inline=True))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts):
    "A workbook of these parts."
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def with_row(row):
    "A good workbook with one row more."
    parts = members()
    return packed(parts | {SHEET: parts[SHEET].replace(b"</sheetData>", row + b"</sheetData>")})


def with_prefix():
    "The far cell in a workbook whose tags have a prefix, as some programs write them."
    parts = members()
    content = parts[SHEET].replace(
        b"</sheetData>",
        b'<row r="1048576"><c r="XFD1048576" t="inlineStr">' + TEXT + b"</c></row></sheetData>",
    )
    content = (
        content.replace(b"</", b"<|x:")
        .replace(b"<", b"<x:")
        .replace(b"<x:|x:", b"</x:")
        .replace(b"<x:?", b"<?")
        .replace(b"xmlns=", b"xmlns:x=")
    )
    return packed(parts | {SHEET: content})


FAR = {
    "as Excel writes it": b'<row r="1048576"><c r="XFD1048576" t="inlineStr">'
    + TEXT
    + b"</c></row>",
    "attributes in another order": b'<row r="1048576"><c t="inlineStr" r="XFD1048576">'
    + TEXT
    + b"</c></row>",
    "a line break in the cell": b'<row r="1048576"><c r="XFD1048576" t="inlineStr">\n'
    + TEXT
    + b"</c></row>",
    "single quotes": b"<row r='1048576'><c r='XFD1048576' t='inlineStr'>" + TEXT + b"</c></row>",
    "small letters": b'<row r="1048576"><c r="xfd1048576" t="inlineStr">' + TEXT + b"</c></row>",
    "two blanks": b'<row  r = "1048576"><c  r = "XFD1048576" t="inlineStr">' + TEXT + b"</c></row>",
    "one cell far below, one far beside": b'<row r="1048576"><c r="A1048576" t="inlineStr">'
    + TEXT
    + b'</c><c r="XFD2" t="inlineStr">'
    + TEXT
    + b"</c></row>",
    "only the row has a number": b'<row r="4294967295"><c t="inlineStr">' + TEXT + b"</c></row>",
    "the row's number, then a wide cell": b'<row r="1048576"><c t="inlineStr">'
    + TEXT
    + b'</c><c r="XFD1" t="inlineStr">'
    + TEXT
    + b"</c></row>",
    "a number beyond Excel's": b'<row r="9"><c r="ZZZZZZ99999999999999" t="inlineStr">'
    + TEXT
    + b"</c></row>",
}


@pytest.mark.parametrize("how", FAR)
def test_one_far_cell(tmp_path, how):
    (tmp_path / "sales.xlsx").write_bytes(with_row(FAR[how]))
    seconds, grown, outcome = read(tmp_path / "sales.xlsx")
    assert outcome.startswith("refused") and "sales.xlsx" in outcome, outcome
    assert seconds < 5 and grown < 500


def test_one_far_cell_with_prefixed_tags(tmp_path):
    (tmp_path / "sales.xlsx").write_bytes(with_prefix())
    seconds, grown, outcome = read(tmp_path / "sales.xlsx")
    assert outcome.startswith("refused") and seconds < 5 and grown < 500


FAR_OLD = {
    "beyond the format": (65_000, 60_000),
    "the last that the format has": (65_535, 255),
    "a wide row": (9, 65_535),
}


@pytest.mark.parametrize("how", FAR_OLD)
def test_one_far_cell_in_an_old_workbook(tmp_path, how):
    content = write_old_book([HEADERS, *good_rows(2)])
    place = content.index(struct.pack("<HHHH", 0x0203, 14, 5, 4))
    (tmp_path / "sales.xls").write_bytes(
        content[: place + 4] + struct.pack("<HH", *FAR_OLD[how]) + content[place + 8 :]
    )
    seconds, grown, outcome = read(tmp_path / "sales.xls")
    # The far cell stands under no header: its row has no number of copies, and is left out
    last = FAR_OLD[how] == (65_535, 255)
    expected = f"read {len(good_rows(2))}" if last else "refused sales.xls"
    assert outcome.startswith(expected) and seconds < 10 and grown < 500, (seconds, grown, outcome)


def test_an_old_workbook_whose_sectors_form_a_ring(tmp_path):
    content = bytearray(write_old_book([HEADERS, *good_rows(2)]))
    for place in range(
        512 + 4 * 2, 512 + 4 * 17, 4
    ):  # The table of sectors: each says which one follows
        content[place : place + 4] = struct.pack("<I", 2)
    (tmp_path / "sales.xls").write_bytes(content)
    seconds, grown, outcome = read(tmp_path / "sales.xls")
    assert outcome.startswith("refused sales.xls") and seconds < 5 and grown < 500, (
        seconds,
        grown,
        outcome,
    )


def test_formats_far_below_the_table_do_no_harm(tmp_path):
    (tmp_path / "sales.xlsx").write_bytes(
        with_row(b'<row r="1048576" s="1" customFormat="1"><c r="XFD1048576" s="1"/></row>')
    )
    seconds, grown, outcome = read(tmp_path / "sales.xlsx")
    assert outcome == f"read {len(good_rows(2))}" and seconds < 5 and grown < 500


def deflated(head, mebibytes, tail):
    "A deflate stream of this much white space, its length and its checksum."
    squeeze, chunk, crc = (
        zlib.compressobj(1, zlib.DEFLATED, -15),
        b" " * (1 << 20),
        zlib.crc32(head),
    )
    pieces = [squeeze.compress(head)]
    for _ in range(mebibytes):
        pieces.append(squeeze.compress(chunk))
        crc = zlib.crc32(chunk, crc)
    pieces += [squeeze.compress(tail), squeeze.flush()]
    return b"".join(pieces), len(head) + (mebibytes << 20) + len(tail), zlib.crc32(tail, crc)


def bomb(mebibytes, stated=None):
    "A workbook whose sheet unfolds to this much; the archive may state another size."
    parts, buffer, entries = members(), io.BytesIO(), []
    for name, content in parts.items():
        if name == SHEET:
            head, tail = content.split(b"</sheetData>")
            data, size, crc = deflated(head, mebibytes, b"</sheetData>" + tail)
        else:
            data, size, crc = deflated(content, 0, b"")
        size = stated if name == SHEET and stated else size
        path = name.encode()
        entries.append(
            struct.pack(
                "<IHHHHHHIIIHHHHHII",
                0x02014B50,
                20,
                20,
                0,
                8,
                0,
                0x21,
                crc,
                len(data),
                size,
                len(path),
                0,
                0,
                0,
                0,
                0,
                buffer.tell(),
            )
            + path
        )
        buffer.write(
            struct.pack(
                "<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0x21, crc, len(data), size, len(path), 0
            )
            + path
            + data
        )
    start = buffer.tell()
    buffer.write(b"".join(entries))
    buffer.write(
        struct.pack(
            "<IHHHHIIH",
            0x06054B50,
            0,
            0,
            len(entries),
            len(entries),
            buffer.tell() - start,
            start,
            0,
        )
    )
    return buffer.getvalue()


@pytest.mark.parametrize("stated", [None, 5000], ids=["honest", "lying"])
def test_a_zip_bomb(tmp_path, stated):
    content = bomb(2100, stated)
    assert len(content) < 12 << 20
    (tmp_path / "sales.xlsx").write_bytes(content)
    seconds, grown, outcome = read(tmp_path / "sales.xlsx")
    assert outcome.startswith("refused") and seconds < 5 and grown < 500, (seconds, grown, outcome)


def test_a_text_bomb(tmp_path):
    squeeze, chunk = zlib.compressobj(1, zlib.DEFLATED, 31), b"a;b\n" * (1 << 18)
    (tmp_path / "sales.csv.gz").write_bytes(
        b"".join([squeeze.compress(chunk) for _ in range(2100)] + [squeeze.flush()])
    )
    seconds, grown, outcome = read(tmp_path / "sales.csv.gz")
    assert outcome.startswith("refused") and seconds < 20 and grown < 4500, (
        seconds,
        grown,
        outcome,
    )


def test_entities_that_multiply(tmp_path):
    entities = (
        b'<!DOCTYPE x [<!ENTITY a "'
        + b"lol" * 10
        + b'">'
        + b"".join(
            b'<!ENTITY %c "%s">' % (98 + each, b"&%c;" % (97 + each) * 10) for each in range(9)
        )
        + b"]>"
    )
    parts = members()
    (tmp_path / "sales.xlsx").write_bytes(
        packed(
            parts
            | {
                SHEET: parts[SHEET]
                .replace(b"?>", b"?>" + entities, 1)
                .replace(b">SS<", b">&j;<", 1)
            }
        )
    )
    seconds, grown, outcome = read(tmp_path / "sales.xlsx")
    assert seconds < 5 and grown < 500, (seconds, grown, outcome)


TEXTS = {
    "one column": (800_000, 1, False),
    "ten columns": (36_000, 10, True),
}


@pytest.mark.parametrize("name", TEXTS)
def test_one_long_text_shared_by_many_cells(tmp_path, name):
    "32,000 letters, kept once and used 800,000 times, are 25 GB; 1.9 MB once unfolded to 11.5 GB."
    rows, columns, numbered = TEXTS[name]
    cells = b'<c t="s"><v>0</v></c>' * columns
    if numbered:
        sheet = b"".join(b'<row r="%d">%b</row>' % (row, cells) for row in range(1, rows + 1))
    else:
        sheet = (b"<row>" + cells + b"</row>") * rows
    parts, text = members(), b"<si><t>" + b"x" * 32_000 + b"</t></si>"
    begin, end = parts[SHEET].split(b"<sheetData>")[0], parts[SHEET].split(b"</sheetData>")[1]
    parts[SHEET] = begin + b"<sheetData>" + sheet + b"</sheetData>" + end
    name = next((each for each in parts if each.endswith("sharedStrings.xml")), "")
    name = name or "xl/sharedStrings.xml"
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    parts[name] = b"<sst %b>%b</sst>" % (space, text)
    (tmp_path / "sales.xlsx").write_bytes(packed(parts))
    assert (tmp_path / "sales.xlsx").stat().st_size < 4 << 20
    seconds, grown, outcome = read(tmp_path / "sales.xlsx")
    assert outcome.startswith("refused") and "MiB of text" in outcome, outcome
    assert seconds < 20 and grown < 1000, (seconds, grown, outcome)


def test_a_million_columns(tmp_path):
    header = ",".join(["Artist", "Album", "Sold", *(f"c{n}" for n in range(1_000_000))])
    (tmp_path / "sales.csv").write_text(f"{header}\n{',' * 1_000_002}\n")
    seconds, grown, outcome = read(tmp_path / "sales.csv")
    assert outcome.startswith("refused") and "columns" in outcome, outcome
    assert seconds < 20 and grown < 1000, (seconds, grown, outcome)
