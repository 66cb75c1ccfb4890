"""What people write down of a call, as it is kept and as it is said in one line."""

LONGEST = 5000  # characters
IN_A_ROW = 140


def tidy(text: str) -> str:
    """As it is kept: lines end with `\\n`, without a trace of what is only space at its ends."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def in_one_line(text: str, longest: int = IN_A_ROW) -> str:
    """The beginning of a note in at most so many characters, cut between words where it can be."""
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    cut = line[: longest - 1]
    whole, _, rest = cut.rpartition(" ")
    # What is one long word, such as an address, is cut where it must be.
    return f"{whole if whole and len(rest) < longest // 4 else cut}…"
