"""Good files of a small shop, and what can happen to them on the way: each number gives one
damaged file, always the same."""

import csv
import gzip
import io
import random
import re
import struct
import zipfile
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import xlsxwriter

HEADERS = [
    "Штрихкод",
    "Исполнитель",
    "Альбом",
    "Конверт",
    "Цена, руб.",
    "Тип",
    "Год записи",
    "Год выпуска",
    "Стиль",
    "Дата создания",
    "Дата заказа",
    "Экземпляры",
]
FORMATS = (
    "xlsx",
    "xlsx",
    "xlsx",
    "xls",
    "utf-8",
    "utf-8-sig",
    "cp1251",
    "cp866",
    "utf-16",
    "csv.gz",
)


def good_rows(month, count=24, shop=0):
    "Rows of one month's sales; the barcode is the row's own mark, the same in no other shop."
    rows = []
    for number in range(count):
        sold = date(2024, month, 1) + timedelta(number % 28)
        rows.append(
            [
                f"46{month:02}{shop % 10_000:04}{number:04}",
                ["Кино", "Björk", "АукцЫон"][number % 3],
                f"Альбом «{number % 7}»",
                ["SS", "VG+", None][number % 3],
                [1500, 999.5, 20000][number % 3],
                ["Оригинал", "Переиздание"][number % 2],
                [1986, "197?", None][number % 3],
                1990 + number % 30,
                "Рок/Панк",
                sold - timedelta(number),
                sold,
                1 + (number % 9 == 8),
            ]
        )
    return rows


# Writers


def typed(value, decimal=","):
    "A cell as a person's export writes it."
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y")
    return (
        ""
        if value is None
        else str(value).replace(".", decimal)
        if isinstance(value, float)
        else str(value)
    )


def write_text(rows, encoding, separator=";", newline="\r\n"):
    "A table as bytes of text."
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=newline)
    for row in rows:
        writer.writerow([typed(value).replace("\0", "") for value in row])
    return text.getvalue().encode(encoding, "replace")


def write_book(rows, inline=False):
    "A table as an Excel workbook."
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(
        buffer,
        {
            "in_memory": True,
            "constant_memory": inline,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "nan_inf_to_errors": True,
            "default_date_format": "dd.mm.yyyy",
        },
    ) as book:
        book.set_properties({"created": datetime(2024, 1, 1)})
        sheet = book.add_worksheet("Продажи")
        for place, row in enumerate(rows):
            for column, value in enumerate(row):
                write_cell(sheet, place, column, value)
    return buffer.getvalue()


def write_cell(sheet, row, column, value):
    "One cell, by its kind."
    if isinstance(value, date):
        sheet.write_datetime(row, column, datetime(value.year, value.month, value.day))
    elif isinstance(value, str) and value.startswith("=#"):
        sheet.write_formula(row, column, "=1/0", value=value[1:])
    elif isinstance(value, str):
        sheet.write_string(row, column, value[:32_000])
    elif isinstance(value, int) and abs(value) > 10**300:
        sheet.write_string(row, column, str(value)[:300])
    elif value is not None:
        sheet.write(row, column, value)


def write_old_book(rows, from_1904=False, merged=()):
    """A table as an .xls workbook (BIFF8 in a compound file), as small as it can be; days are
    texts; `merged` has first and last row and column of cells, from 0."""

    def record(kind, body):
        return struct.pack("<HH", kind, len(body)) + body

    def cell(row, column, value):
        if isinstance(value, date):
            value = typed(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300:
            return record(0x0203, struct.pack("<HHHd", row, column, 0, value))
        text = str(value)[:2000]
        return record(
            0x0204,
            struct.pack("<HHHHB", row, column, 0, len(text.encode("utf-16-le")) // 2, 1)
            + text.encode("utf-16-le", "replace"),
        )

    def beginning(kind):
        return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0x0DBB, 0x07CC, 0, 6))

    sheet = beginning(0x0010) + b"".join(
        cell(row, column, value)
        for row, cells in enumerate(rows)
        for column, value in enumerate(cells)
        if value is not None
    )
    if merged:
        places = b"".join(struct.pack("<HHHH", *each) for each in merged)
        sheet += record(0x00E5, struct.pack("<H", len(merged)) + places)
    sheet += record(0x000A, b"")
    name = "Лист1".encode("utf-16-le")
    head = (
        beginning(0x0005)
        + record(0x0042, struct.pack("<H", 1200))
        + record(0x0022, struct.pack("<H", from_1904)) * from_1904
    )
    place = len(head) + 4 + 8 + len(name) + 4
    stream = (
        head
        + record(0x0085, struct.pack("<IHBB", place, 0, len(name) // 2, 1) + name)
        + record(0x000A, b"")
        + sheet
    )
    return compound_file(stream.ljust(4096, b"\0"))


def compound_file(stream):
    "A compound file with the one stream `Workbook`."
    sectors = -(-len(stream) // 512)
    tables = -(-(sectors + 2) // 127)
    chain = [0xFFFFFFFD] * tables + [0xFFFFFFFE] + [tables + 2 + place for place in range(sectors)]
    chain[-1] = 0xFFFFFFFE
    chain += [0xFFFFFFFF] * (tables * 128 - len(chain))

    def entry(name, kind, child, start, size):
        text = name.encode("utf-16-le")
        return (
            text.ljust(64, b"\0")
            + struct.pack(
                "<HBBIII", len(text) + 2 if name else 0, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child
            )
            + bytes(36)
            + struct.pack("<IQ", start, size)
        )

    folder = (
        entry("Root Entry", 5, 1, 0xFFFFFFFE, 0)
        + entry("Workbook", 2, 0xFFFFFFFF, tables + 1, len(stream))
        + entry("", 0, 0xFFFFFFFF, 0, 0) * 2
    )
    header = (
        bytes.fromhex("D0CF11E0A1B11AE1")
        + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        + bytes(6)
    )
    header += struct.pack("<IIIIIIIII", 0, tables, tables, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<109I", *range(tables), *[0xFFFFFFFF] * (109 - tables))
    return (
        header
        + struct.pack(f"<{len(chain)}I", *chain)
        + folder
        + stream.ljust(sectors * 512, b"\0")
    )


# Damage to the table: what people and programs do to rows and cells. Each gives the rows and the
# marks of those that it left alone

ODD = [
    "",
    " ",
    "\u00a0",
    "-",
    "?",
    "nan",
    "NaN",
    "None",
    "NULL",
    "inf",
    "-inf",
    "1e308",
    "1e400",
    "-1",
    "0",
    "1,5",
    "1.000.000,00",
    "1 500 руб.",
    "١٢٣",
    "½",
    "4.6E+12",
    "99.99.9999",
    "31.02.2024",
    "00.00.0000",
    "01.01.0001",
    "31.12.9999",
    "1899-12-31",
    "2024-13-01",
    "45292",
    "99999",
    "-5",
    "45292,75",
    "1.1.24",
    "12/31/2024",
    "2024-01-05T10:00:00+03:00",
    "=1+1",
    '=HYPERLINK("http://x")',
    "+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "<script>alert(1)</script>",
    "a\tb",
    "a;b,c|d",
    'a"b',
    '"""',
    "a\nb",
    "a\r\nb",
    "\x0b",
    "\x85",
    "\u2028",
    "\ufeff",
    "\ufffd",
    "\u202eabc",
    "😀" * 3,
    "é" * 300,
    "Я" * 5000,
    "'4600000000001",
    "4600000000001.0",
    "TRUE",
    0,
    -1,
    1.5,
    10**18,
    10**400,
    -1e300,
    1e-300,
    True,
    date(1900, 1, 1),
    date(9999, 12, 31),
    None,
    "=#N/A",
    "=#DIV/0!",
]


def marks_of(rows):
    "Marks of rows that still carry their own."
    return {
        row[0]
        for row in rows
        if row and isinstance(row[0], str) and re.fullmatch(r"46\d{10}", row[0])
    }


def put(row, column, value):
    "Change a cell of a row that may have been cut."
    row.extend([None] * (column + 1 - len(row)))
    row[column] = value


def cells_replaced(chance, rows):
    for place in chance.sample(range(len(rows)), chance.randint(1, 6)):
        put(rows[place], chance.randrange(12), chance.choice(ODD))
    return rows


def cells_swapped(chance, rows):
    for _ in range(chance.randint(1, 5)):
        one, other = chance.sample(range(len(rows)), 2)
        left, right = chance.randrange(1, 12), chance.randrange(1, 12)
        first, second = (
            (rows[one][left : left + 1] or [None])[0],
            (rows[other][right : right + 1] or [None])[0],
        )
        put(rows[one], left, second)
        put(rows[other], right, first)
    return rows


def rows_cut(chance, rows):
    for place in chance.sample(range(len(rows)), chance.randint(1, 4)):
        rows[place] = rows[place][: chance.randrange(12)]
    return rows


def rows_lengthened(chance, rows):
    for place in chance.sample(range(len(rows)), chance.randint(1, 3)):
        rows[place] = rows[place] + [chance.choice(ODD) for _ in range(chance.randint(1, 4))]
    return rows


def rows_doubled(chance, rows):
    return rows + chance.sample(rows, chance.randint(1, 5))


def rows_blank(chance, rows):
    for _ in range(chance.randint(1, 8)):
        rows.insert(chance.randrange(len(rows)), [None] * chance.randint(0, 12))
    return rows


def headers_again(chance, rows):
    rows.insert(chance.randrange(1, len(rows)), list(rows[0]))
    return rows


def title_above(chance, rows):
    return (
        [["Продажи за месяц"], []][: chance.randint(1, 2)]
        + rows
        + [["Итого", None, None, None, 12345]] * chance.randint(0, 1)
    )


def column_dropped(chance, rows):
    column = chance.randrange(1, 12)
    return [row[:column] + row[column + 1 :] for row in rows]


def header_changed(chance, rows):
    put(
        rows[0],
        chance.randrange(1, 12),
        chance.choice(
            [
                None,
                "",
                "Цена",
                "Штрихкод",
                "Дата заказа",
                "Альбом",
                "???",
                "Я" * 3000,
                "Дата зоказа",
                5,
            ]
        ),
    )
    return rows


def column_doubled(chance, rows):
    column = chance.randrange(12)
    return [row + row[column : column + 1] for row in rows]


def huge_cell(chance, rows):
    put(
        rows[chance.randrange(1, len(rows))],
        chance.randrange(1, 12),
        chance.choice(["Щ", "9", ";", '"', " ", "=", "1,"]) * chance.choice([40_000, 300_000]),
    )
    return rows


def counts_turned(chance, rows):
    for place in chance.sample(range(1, len(rows)), chance.randint(1, 6)):
        put(rows[place], 11, chance.choice([-1, -2, 0, 5, 1_000_000, "-1", "(2)"]))
    return rows


def months_mixed(chance, rows):
    for place in chance.sample(range(1, len(rows)), chance.randint(1, 6)):
        put(
            rows[place],
            10,
            chance.choice(
                [date(2024, 1, 5), date(2024, 3, 5), date(2042, 1, 1), date(1955, 1, 1), "", "soon"]
            ),
        )
    return rows


TABLE = (
    cells_replaced,
    cells_replaced,
    cells_swapped,
    rows_cut,
    rows_lengthened,
    rows_doubled,
    rows_blank,
    headers_again,
    title_above,
    column_dropped,
    header_changed,
    column_doubled,
    huge_cell,
    counts_turned,
    months_mixed,
)


# Damage to bytes: what disks, mails and editors do


def bytes_flipped(chance, content):
    content = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5, 40])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def bytes_overwritten(chance, content):
    start = chance.randrange(len(content))
    new = chance.choice(
        [
            chance.randbytes(chance.randint(1, 60)),
            bytes(chance.randint(1, 600)),
            b"\xff" * 20,
            b"\r",
            b"\n\n\n",
            b'"',
            b'""',
            b"\xef\xbb\xbf",
            b"\0",
        ]
    )
    return content[:start] + new + content[start + len(new) :]


def bytes_inserted(chance, content):
    start = chance.randrange(len(content))
    new = chance.choice(
        [
            chance.randbytes(chance.randint(1, 60)),
            b"\xef\xbb\xbf",
            b"\0",
            b"\r",
            b"\n",
            b'"',
            b"';",
            b'";"',
            b"\x1a",
            b"\x85",
            b"\xff\xfe",
            b"," * 50,
        ]
    )
    return content[:start] + new + content[start:]


def truncated(chance, content):
    return content[: chance.randrange(len(content))]


def span_lost(chance, content):
    start = chance.randrange(len(content))
    return content[:start] + content[start + chance.randint(1, 300) :]


def span_doubled(chance, content):
    start, length = chance.randrange(len(content)), chance.randint(1, 400)
    return content[: start + length] + content[start:]


def tail_added(chance, content):
    return content + chance.choice(
        [bytes(500), chance.randbytes(200), content[:200], b"\x1a", b"\n" * 50, b";" * 50]
    )


def newlines_mixed(chance, content):
    return b"".join(
        line + chance.choice([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\r\n"])
        for line in content.replace(b"\r\n", b"\n").split(b"\n")
    )


BYTES = (
    bytes_flipped,
    bytes_flipped,
    bytes_overwritten,
    bytes_inserted,
    truncated,
    span_lost,
    span_doubled,
    tail_added,
)


def members_damaged(chance, content):
    "A workbook zipped again, without fault, after something happened to its parts."
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(each.filename, archive.read(each)) for each in archive.infolist()]
    how = chance.choice(
        ["changed", "changed", "changed", "sheet", "sheet", "lost", "renamed", "twice", "empty"]
    )
    important = [
        place
        for place, (name, _) in enumerate(members)
        if "sheet1" in name or "workbook" in name or "shared" in name.lower() or "styles" in name
    ]
    sheet = [place for place, (name, _) in enumerate(members) if name.endswith("sheet1.xml")]
    place = sheet[0] if how == "sheet" and sheet else chance.choice(important)
    name, data = members[place]
    if how in ("changed", "sheet") and data:
        data = chance.choice([*BYTES, tag_changed, tag_changed, tag_changed])(chance, data)
    members[place] = (
        chance.choice(["x.xml", name.upper(), "../" + name]) if how == "renamed" else name,
        b"" if how == "empty" else data,
    )
    members = (
        members[:place]
        + members[place + (how == "lost") :]
        + [members[place]] * (how == "twice" and place < len(members))
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(
        buffer, "w", chance.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
    ) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def tag_changed(chance, data):
    "One tag, attribute or number of an XML part, replaced."
    found = list(re.finditer(rb'<[^>]{0,200}>|"[^"]{0,40}"|>\d+<', data))
    if not found:
        return data
    match = chance.choice(found)
    if match[0].startswith(b'"'):
        new = chance.choice(
            [
                b'""',
                b'"0"',
                b'"-1"',
                b'"99999999"',
                b'"XFD1048576"',
                b'"A1"',
                b'"s"',
                b'"e"',
                b'"&#0;"',
                b'"1e9"',
            ]
        )
    else:
        new = chance.choice(
            [
                b"",
                b"<x>",
                b"</x>",
                match[0] * 2,
                b"<!--",
                b"]]>",
                b"&lt;",
                b"&bogus;",
                b"<v>",
                b"</row>",
                b">999999999<",
            ]
        )
    return data[: match.start()] + new + data[match.end() :]


@dataclass
class Damaged:
    "One damaged file."

    name: str  # File name
    content: bytes  # What it holds
    how: str  # What happened to it
    alive: set = field(default_factory=set)  # Marks of rows that nothing happened to
    lines: int | None = None  # Rows below the headers, where that can be said


def make_damaged(number):
    "The damaged file with this number."
    chance = random.Random(number)
    kind, month = chance.choice(FORMATS), 2
    rows = [list(HEADERS)] + good_rows(month, shop=number)
    before = {tuple(map(str, row)) for row in rows}
    how = []
    if chance.random() < 0.5:
        for damage in chance.sample(TABLE, chance.choice([1, 1, 2])):
            rows = damage(chance, [list(row) for row in rows])
            how.append(damage.__name__)
    alive = marks_of(
        [row for row in rows if tuple(map(str, row[:12])) in before and len(row) == 12]
    )
    lines = len(rows) - 1 if not {"title_above"} & set(how) else None
    inline = chance.random() < 0.5
    content = (
        write_book(rows, inline)
        if kind == "xlsx"
        else write_old_book(rows)
        if kind == "xls"
        else write_text(rows, "utf-8" if kind == "csv.gz" else kind, chance.choice(";,\t"))
    )
    whole = content
    if not how or chance.random() < 0.15:
        damages = (
            [members_damaged, members_damaged, *BYTES[:6]]
            if kind == "xlsx"
            else [*BYTES]
            if kind in ("xls", "csv.gz")
            else [*BYTES, newlines_mixed]
        )
        for damage in [chance.choice(damages)] * chance.choice([1, 1, 1, 2]):
            if content:
                content = damage(chance, content)
                how.append(damage.__name__)
        alive, lines = survivors(whole, content, alive, kind), None
    if kind == "csv.gz":
        content = gzip.compress(content, mtime=0)
        if chance.random() < 0.3:
            content, alive, lines = bytes_flipped(chance, content), set(), None
            how.append("gzip flipped")
    return Damaged(
        f"sales_2024-{month:02}." + (kind if kind in ("xlsx", "xls", "csv.gz") else "csv"),
        content,
        " + ".join([kind, *how]),
        alive,
        lines,
    )


# Profiles

PROFILE = """\
about: A shop with words of its own
columns:
  barcode: Код
  artist: Кто
  price: Цена за шт
  sold_date: Когда
  style: null
defaults:
  cover_type: SS
values:
  release_type: {Новое: Переиздание, Старое: Оригинал}
item_key: [barcode, artist, album]
filters:
  - {header: Код, drop: '9+', reason: internal codes}
splits:
  - header: Название
    pattern: '(?P<album>.+?)(?: \\((?P<recording_year>\\d{4})\\))?'
lookups:
  - {file: names.csv, key: Код}
sheet: Продажи
"""
WORDS = [
    "",
    "null",
    "yes",
    "5",
    "-1",
    "2024-01-01",
    "[1, 2]",
    "[[]]",
    "{a: b}",
    "{}",
    "[]",
    "'",
    '"',
    "&a",
    "*a",
    "!!python/object:os.system x",
    "!!binary x",
    "!x y",
    "- a",
    "a: b",
    "? a",
    "|",
    ">-",
    "%",
    "@",
    "`",
    "(",
    "[",
    ".*",
    "(?P<artist>",
    "(?P<nobody>.*)",
    "\\",
    "(a+)+$",
    "~",
    ".inf",
    ".nan",
    "0o7",
    "1e400",
    "<<: *a",
    "Я" * 300,
    "\t",
    "---",
    "...",
    "Код",
    "names.csv",
    "../x.csv",
]


def make_damaged_profile(number):
    "A damaged profile, with this number."
    chance = random.Random(number)
    text, how = PROFILE, []
    for damage in (
        [chance.choice([lines_moved, word_changed, word_changed, word_changed])]
        * chance.choice([1, 1, 2])
        if chance.random() < 0.8
        else []
    ):
        text = damage(chance, text)
        how.append(damage.__name__)
    content = text.encode()
    if not how:
        damage = chance.choice([*BYTES, newlines_mixed])
        content = damage(chance, content)
        how.append(damage.__name__)
    return Damaged(f"{number}_shop.yml", content, " + ".join(["profile", *how]))


def lines_moved(chance, text):
    "A line lost, doubled, at another place, or further in."
    lines = text.splitlines()
    line = lines.pop(chance.randrange(len(lines)))
    how = chance.choice(["lost", "moved", "doubled", "indented", "outdented"])
    lines[(place := chance.randrange(len(lines))) : place] = dict(
        lost=[],
        moved=[line],
        doubled=[line, line],
        indented=["  " + line],
        outdented=[line.strip()],
    )[how]
    return "\n".join(lines)


def word_changed(chance, text):
    "A word, a mark or a value that is another one."
    match = chance.choice(list(re.finditer(r"[\w.]+|[:\[\]{},'-]|(?<=: ).+", text)))
    return text[: match.start()] + chance.choice(WORDS) + text[match.end() :]


def survivors(whole, content, alive, kind):
    "Marks of the rows whose bytes came through, with their line ends."
    if kind == "xlsx":
        whole, content = sheet_part(whole), sheet_part(content)
        if whole is None or content is None:
            return set()
        if whole[1] != content[1]:
            return set()
        pieces, content = re.findall(rb"<row .*?</row>", whole[0], re.S), content[0]
        marks = [mark_in(piece, whole[1]) for piece in pieces]
        return {
            mark
            for mark, piece in zip(marks, pieces, strict=False)
            if mark in alive and piece in content
        }
    if kind in ("xls", "utf-16"):
        return set()
    lines = re.findall(rb"[^\r\n]+\r\n", whole)
    ends = [line[:-2] for line in lines]
    there = {line for line in re.split(rb"\r\n|\r|\n", content)}
    return {line[:12].decode("ascii", "replace") for line in ends if line in there} & alive


def sheet_part(content):
    "The sheet and the shared texts of a workbook."
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            shared = (
                archive.read("xl/sharedStrings.xml") if "xl/sharedStrings.xml" in names else b""
            )
            return archive.read("xl/worksheets/sheet1.xml"), shared
    except Exception:
        return None


def mark_in(piece, shared):
    "The mark of a row's XML: in its first cell, as text or by number."
    inline = re.search(rb"<t>(46\d{10})</t>", piece)
    if inline:
        return inline[1].decode()
    number = re.search(rb'<c r="A\d+"[^>]* t="s"><v>(\d+)</v>', piece)
    texts = re.findall(rb"<si><t[^>]*>(.*?)</t></si>", shared, re.S)
    return texts[int(number[1])].decode() if number and int(number[1]) < len(texts) else None
