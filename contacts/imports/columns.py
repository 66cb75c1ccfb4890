"""What the columns of a file of contacts mean, by their names. Pure.

The names that Google, Outlook, HubSpot, Salesforce, Pipedrive and Apple's programs give them, and
those that people give them in some languages.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from contacts import search


class Means(StrEnum):
    NAME = "name"
    FIRST = "first name"
    MIDDLE = "middle name"
    LAST = "last name"
    COMPANY = "company"
    EMAIL = "email"
    PHONE = "phone"
    LABEL = "label"
    NOTHING = ""


@dataclass(frozen=True)
class Column:
    """`said` is its name in the file. A label and the phone that it is for have the same `number`;
    of a phone that has no label `label` tells what its name says of it.
    """

    means: Means
    said: str
    number: int = 0
    label: str = ""


def folded(name: str) -> str:
    """As search sees it, without apostrophes and what parts words."""
    return " ".join(re.sub(r"[\W_]+", " ", search.normalise(name).replace("'", "")).split())


def _set(text: str) -> frozenset[str]:
    return frozenset(map(folded, text.split(",")))


_NAMES = {
    Means.NAME: _set(
        "name, full name, fullname, contact name, display name, file as, contact, client name,"
        " customer name, voller name, vollstandiger name, ansprechpartner, kontakt, nom complet,"
        " nombre completo, nome completo, volledige naam, naam, imie i nazwisko, nome e cognome,"
        " nom et prenom, nom prenom, имя, фио, 姓名, 名前, 氏名, nome, nombre, nom"
    ),
    Means.FIRST: _set(
        "first name, firstname, first, given name, givenname, forename, vorname, rufname, prenom,"
        " nombres, primer nombre, primeiro nome, voornaam, imie, fornavn, fornamn, etunimi, 名"
    ),
    Means.MIDDLE: _set("middle name, middlename, middle, additional name, zweiter vorname"),
    Means.LAST: _set(
        "last name, lastname, last, surname, family name, familyname, nachname, familienname,"
        " zuname, nom de famille, apellido, apellidos, sobrenome, apelido, cognome, achternaam,"
        " nazwisko, etternavn, efternamn, efternavn, sukunimi, фамилия, 姓"
    ),
    Means.COMPANY: _set(
        "company, company name, associated company, primary associated company, organization,"
        " organisation, organization name, organisation name, account, account name, business,"
        " business name, employer, firm, firma, firmenname, unternehmen, societe, entreprise,"
        " empresa, compania, organizacion, organizacao, azienda, societa, ditta, bedrijf,"
        " bedrijfsnaam, virksomhed, foretag, yritys, компания, организация, 公司, 会社, 会社名"
    ),
    Means.EMAIL: _set(
        "email, e mail, mail, email address, e mail address, mail address, e mail adresse,"
        " email adresse, mailadresse, adresse e mail, adresse email, adresse mail, courriel,"
        " correo, correo electronico, direccion de correo, endereco de e mail,"
        " indirizzo e mail, indirizzo email, posta elettronica, e mailadres, emailadres,"
        " adres e mail, e post, e postadress, sahkoposti, почта, электронная почта, 邮箱,"
        " 电子邮件, メール, メールアドレス, email value, e mail value"
    ),
    Means.LABEL: _set("label, phone label, phone type, telephone type, telefon typ"),
}
_HALF_OR_WHOLE = _set("name, nom, nome, nombre, naam, имя")
_MEANS = {name: means for means, names in _NAMES.items() for name in names}
# What an e-mail is for matters to nobody here: there is one.
_KINDS = "primary|work|home|business|personal|other|main"
_EMAIL_OF = re.compile(rf"^(?:{_KINDS}) | (?:{_KINDS})$")
_TELEPHONE = (
    "phone|telephone|tel|telefon|telephon|telefono|telefone|telefoon|phonenumber|telefonnummer|"
    "rufnummer|telefoonnummer|puhelin"
)
_PHONE = re.compile(
    rf"\b(?:{_TELEPHONE}|mobile|mobil|mobiel|movil|cell|cellphone|celular|cellulare|handy|portable|"
    r"gsm|komorka|telemovel|mobilnummer|handynummer|telefonszam)\b|"
    r"телефон|мобильный|电话|手机|電話|携帯"
)
_NO_PHONE = re.compile(r"\b(?:fax|telex|pager|assistants?|tty|tdd|isdn|radio|extension|ext)\b")
# Words of a phone's name that tell nothing of what it is for.
_PLAIN_PHONE = re.compile(
    rf"\b(?:{_TELEPHONE}|number|nummer|no|nr|numero|de|di|value|primary|\d+)\b|"
    r"телефон|电话|電話"
)
# What else may stand in a phone's name: with any other word the column tells something about one.
_KINDS_OF_PHONE = _set(
    "business, work, office, company, home, house, private, personal, main, other, direct,"
    " secondary, second, alternative, alternate, additional, preferred, default, car,"
    " callback, switchboard, headquarters, hq, land, landline, line, fixed, day, daytime,"
    " evening, night, whatsapp, sms, contact, customer, client, geschaftlich, privat,"
    " dienstlich, buro, arbeit, festnetz, zentrale, travail, bureau, domicile, fixe,"
    " professionnel, perso, personnel, trabajo, casa, oficina, fijo, principal, particular,"
    " lavoro, ufficio, fisso, werk, thuis, prive, comercial, residencial"
)
_OWNER = re.compile(r"^(?:person|contact|lead) (?=.)")


def columns(names: Sequence[str]) -> list[Column]:
    """What each of the names means. Two columns of one meaning are both read."""
    found = [_column(name) for name in names]
    means = {column.means for column in found}
    # In many languages one word is the whole name, and the other half of what stands beside it.
    if Means.FIRST in means and Means.LAST not in means:
        return [_in_place_of_name(column, Means.LAST) for column in found]
    if Means.LAST in means and Means.FIRST not in means:
        return [_in_place_of_name(column, Means.FIRST) for column in found]
    return found


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first row names the columns, and is not a contact itself."""
    return not any("@" in cell or len(re.sub(r"\D", "", cell)) >= 7 for cell in cells)


def guessed(rows: Sequence[Sequence[str]]) -> list[Means]:
    """What columns without names mean, by what most of the cells of some rows are."""
    found: list[Means] = []
    for cells in zip(*rows, strict=True):
        texts = [cell.strip() for cell in cells if cell.strip()]
        addresses = sum("@" in text for text in texts)
        digits = sum(len(re.sub(r"\D", "", text)) >= 7 for text in texts)
        if addresses * 2 > len(texts):
            means = Means.EMAIL
        elif digits * 2 > len(texts):
            means = Means.PHONE
        else:
            is_first = texts and Means.NAME not in found
            means = Means.NAME if is_first else Means.NOTHING
        found.append(means)
    return found


def mapped(names: Sequence[str], meanings: Sequence[str]) -> list[Column]:
    """Columns that mean what somebody has said they do. Of a phone and a label the names still say
    which belong together.
    """
    return [_meaning(name, Means(said)) for name, said in zip(names, meanings, strict=True)]


def _meaning(said: str, means: Means) -> Column:
    label = _what_for(said) if means == Means.PHONE else ""
    return Column(means, said, _number_in(said), label)


def _in_place_of_name(column: Column, means: Means) -> Column:
    is_half = column.means == Means.NAME and folded(column.said) in _HALF_OR_WHOLE
    return Column(means, column.said) if is_half else column


def _column(said: str) -> Column:
    name = _OWNER.sub("", folded(said))
    unnumbered = " ".join(re.sub(r"\d+", " ", name).split())
    means = _MEANS.get(unnumbered) or _MEANS.get(_EMAIL_OF.sub("", unnumbered))
    if means is None:
        means = Means.PHONE if _is_phone(unnumbered) else Means.NOTHING
    return _meaning(said, means)


def _number_in(name: str) -> int:
    return int(match[0]) if (match := re.search(r"\d{1,3}", name)) else 1


def _is_phone(name: str) -> bool:
    if not _PHONE.search(name) or _NO_PHONE.search(name):
        return False
    rest = _PLAIN_PHONE.sub(" ", _PHONE.sub(" ", name)).split()
    return _KINDS_OF_PHONE.issuperset(rest)


def _what_for(said: str) -> str:
    """“Business” of a column named “Business Phone 2”."""
    words = [word for word in re.split(r"[\W_\d]+", _OWNER.sub("", said.lower())) if word]
    rest = " ".join(word for word in words if not _PLAIN_PHONE.fullmatch(folded(word)))
    return rest[:1].upper() + rest[1:]
