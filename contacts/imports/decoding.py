"""In which encoding a file of text is, by its bytes. Pure."""

import codecs
from collections.abc import Iterable

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


# Country → what its spreadsheets write that do not write Unicode; elsewhere cp1252.
_AT_HOME = {
    country: page
    for page, countries in {
        "cp1250": "AL BA CZ HR HU ME PL RO RS SI SK",
        "cp1251": "BG BY KG KZ MK MN RU TJ UA",
        "cp1253": "CY GR",
        "cp1254": "AZ TR",
        "cp1255": "IL",
        "cp1256": "AE BH DZ EG IQ IR JO KW LB LY MA OM PK QA SA SD SY TN YE",
        "cp1257": "EE LT LV",
        "cp1258": "VN",
        "cp874": "TH",
        "cp932": "JP",
        "cp949": "KR",
        "gb18030": "CN",
        "big5hkscs": "HK MO TW",
    }.items()
    for country in countries.split()
}


def encoding_of(chunks: Iterable[bytes], region: str) -> str:
    """Python's name of it; the chunks are the whole file. Without a mark it is UTF-8 unless more of
    it is none than is: then it is what spreadsheets of `region` (ISO) still write.

    What is read should replace what cannot be decoded: one letter may be broken in any file.
    """
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    read = broken = 0
    for number, chunk in enumerate(chunks):
        if number == 0 and (known := _at_first_sight(chunk)):
            return known
        letters = [one for one in decode(chunk) if one > "\x7f"]
        broken += (lost := sum("\udc80" <= one <= "\udcff" for one in letters))
        read += len(letters) - lost
    broken += len(decode(b"", True))
    return _AT_HOME.get(region, "cp1252") if broken > read else "utf-8"


def _at_first_sight(beginning: bytes) -> str:
    for mark, name in _MARKS.items():
        if beginning.startswith(mark):
            return name
    # UTF-16 without a mark: every other byte of what most files begin with is 0.
    names = {"utf-16-be": beginning[0:40:2], "utf-16-le": beginning[1:40:2]}
    for name, half in names.items():
        if half.count(0) > len(half) / 2:
            return name
    return ""
