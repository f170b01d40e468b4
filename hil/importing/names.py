"""What a column is, from its name: quantity, unit, number of the run or channel; in the languages of many labs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from hil.importing.units import WrittenUnit, unit

WORDS: Mapping[str, str] = {
    "time": "time t zeit temps tiempo tempo tijd czas aika время 时间 時間 時刻 elapsed|elapsed time|time stamp"
    "|timestamp|measurement time|relative time|messzeit|zeitpunkt|time after programming|retention time",
    "voltage": "voltage volt volts v u vv spannung tension voltaje tensione spanning napiecie jannite напряжение"
    " 电压 電圧 bias potential source vsource vforce vapp vapplied vd vin|applied voltage|source voltage|sweep"
    " voltage|bias voltage|cell voltage|device voltage|measured voltage|set voltage|forced voltage|voltage source|v"
    " applied|v app|v source|v force|v bias|v set|angelegte spannung|applied bias|v meas|programmed voltage|ewe|vf",
    "current": "current i strom courant corriente corrente stroom prad virta ток 电流 電流 reading imeas amps"
    " stromstarke|measured current|device current|cell current|current measure|i meas|i measured|gemessener strom"
    "|<i>|im|i"
    " cell",
    "conductance": "conductance g leitwert conductivity conductancia conduttanza geleiding przewodnosc проводимость"
    " 电导 電導 weight gread|synaptic weight|read conductance|g read|device conductance|conductance after|g after"
    " pulse",
    "resistance": "resistance r widerstand resistencia resistenza weerstand opor сопротивление 电阻 抵抗 memristance"
    " rread|read resistance|device resistance|r read|r meas",
    "pulse": "pulse pulses puls pulsnummer impulsnummer n nr # pulse# #pulse #pulses npulse 脉冲|pulse number|pulse"
    " no|pulse nr|pulse #|# pulse|# pulses|pulse index|pulse num|number of pulses|number of pulse|no of pulses|puls"
    " nr|pulse count|num pulses|n pulses|anzahl pulse|impulsion|numero de pulso|pulso|impulso|pulse id|spike number",
    "applied": "|num applied|pulses applied|n applied|number applied|pulses per read|pulses per step",
    "pulse_voltage": "amplitude vpulse pulsspannung pulshohe pulseamplitude pulsevoltage vwrite vprog|pulse v|pulse"
    " voltage|pulse amplitude|pulse height|v pulse|programming voltage|write voltage|v write|v prog|amplitude"
    " voltage|spike amplitude|impulsspannung|tension d'impulsion|voltaje del pulso",
    "width": "width pulsewidth pulsbreite pulsdauer impulsbreite pw tpulse|pulse width|pulse duration|pulse length"
    "|pulse time|t pulse|spike width|largeur|duree|ancho|ancho de pulso|largeur d'impulsion",
    "rest": "rest interpulse pause|rest time|wait time|interpulse time|inter pulse|pulse gap",
    "read_voltage": "vread readvoltage lesespannung vmeas|read voltage|v read|meas v|meas voltage|measure voltage"
    "|measurement voltage|reading voltage|read v",
    "polarity": "polarity sign polaritat polarite polaridad vorzeichen",
    "cell": "device dev dut cell zelle bauteil memristor cellule dispositivo wordline bitline crosspoint 器件|device"
    " id|device name|device no|device number|device nr|cell id|cell no|cell number|cell name|word line|bit line",
    "cycle": "cycle cycles zyklus zyklen loop loops repeat repetition iteration durchlauf schleife cyklus ciclo 循环"
    " 周期|cycle number|cycle no|cycle nr|cycle #|# cycle|# cycles|number of cycles|cycle index|zyklus nr|loop"
    " number|loop no|repeat no|endurance cycle|endurance cycles|switching cycle|switching cycles",
    "train": "train run runs|train id|train number|train no|run number|run no|run id|sequence|series",
    "interval": "interval intervall ipi abstand intervalo intervalle|pulse interval|inter pulse interval|interpulse"
    " interval|time interval|paired pulse interval|pulsabstand",
    "first": "a1 first epsc1 psc1 peak1 i1st|first response|first peak|amplitude 1|peak 1|first current|a 1",
    "second": "a2 second epsc2 psc2 peak2 i2nd|second response|second peak|amplitude 2|peak 2|second current|a 2",
    "ratio": "ppf ppr ppd ratio a2/a1 i2/i1|ppf ratio|ppf index|paired pulse ratio|paired pulse facilitation|ppf"
    " value|a2 / a1",
    "delay": "dt delay deltat tpost-tpre timing verzogerung|delta t|spike timing|spike delay|spike interval|pre post"
    " delay|t post t pre|time difference|zeitdifferenz",
    "change": "dw dg deltaw deltag dw/w dg/g change|delta w|delta g|weight change|conductance change|relative change"
    "|synaptic weight change|synaptic change|delta w/w|delta g/g|relative conductance change|gewichtsanderung",
    "before": "before gbefore gpre ginitial wbefore|g before|conductance before|initial conductance|g initial|w"
    " before|before pairing|g pre",
    "after": "after gafter gpost gfinal wafter|g after|conductance after pairing|final conductance|g final|w after"
    "|after pairing|g post",
    "high": "lrs rlrs ron r_on glrs gon ilrs lcs|r lrs|lrs r|r on|low resistance state|low resistance|on state|on"
    " resistance|g lrs|g on|i lrs|i on|lrs resistance|lrs current|high conductance|on state resistance|r low|g high",
    "low": "hrs rhrs roff ghrs goff ihrs hcs|r hrs|hrs r|r off|high resistance state|high resistance|off state|off"
    " resistance|g hrs|g off|i hrs|i off|hrs resistance|hrs current|low conductance|off state resistance|r high|g"
    " low",
    "up": "ltp potentiation potenzierung potenciacion up gltp gup|g ltp|ltp g|g up|ltp conductance|conductance ltp"
    "|potentiation conductance|weight up|g pot|conductance up",
    "down": "ltd depression depresion down gltd gdown|g ltd|ltd g|g down|ltd conductance|conductance ltd|depression"
    " conductance|weight down|g dep|conductance down",
    "abs_current": "absi iabs abs(i) |i| |i abs|abs i|abs current|absolute current"
    "|current magnitude|i magnitude|current abs|betrag strom",
    "nothing": "index tag readtag var1 var2 var3"
    " point status comment kommentar date datum remark bemerkung operator file note notes no|point"
    " no|data point|sample number|log i|log(i)|ln i|log10(i)|log current|read tag",
}
"""Quantity, and how it is called: single words, then phrases between bars; in small letters, accents taken off."""

DIMENSION: Mapping[str, tuple[str, ...]] = {
    "time": ("s",), "voltage": ("V",), "current": ("A",), "conductance": ("S", "1"), "resistance": ("ohm",),
    "pulse": ("1",), "applied": ("1",), "pulse_voltage": ("V",), "width": ("s",), "rest": ("s",),
    "read_voltage": ("V",), "polarity": ("1",), "cell": ("1",), "cycle": ("1",), "train": ("1",),
    "interval": ("s",), "first": ("A", "S", "1"), "second": ("A", "S", "1"), "ratio": ("1",), "delay": ("s",),
    "change": ("1",), "before": ("S", "ohm"), "after": ("S", "ohm"), "high": ("ohm", "S", "A"),
    "low": ("ohm", "S", "A"), "up": ("S", "1"), "down": ("S", "1"), "abs_current": ("A",),
    "nothing": ("1",),
}  # fmt: skip
"""SI units in which a quantity may come."""


class Meaning(NamedTuple):
    """What a name says."""

    quantity: str
    unit: WrittenUnit | None
    number: str
    channel: str
    sure: bool


def _table() -> dict[str, str]:
    found = {}
    for quantity, text in WORDS.items():
        singles, *phrases = text.split("|")
        if quantity == "abs_current":  # |i| is a word with bars
            singles, phrases = "absi iabs abs(i)", [p for p in phrases if p.strip() and p != "i"]
            found["|i|"] = quantity
        for word in [*singles.split(), *phrases]:
            found[plain(word)] = quantity
    return found


def plain(name: str) -> str:
    """A name in small letters, without accents, underscores and dots as blanks."""
    text = name.replace("Δ", "delta ").replace("∆", "delta ").replace("ß", "ss").replace("ł", "l")
    text = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in text if not unicodedata.combining(c)).lower()
    return " ".join(re.sub(r"[_.\-]+", " ", text).split())


_KNOWN = _table()

_BRACKETS = re.compile(r"\s*[(\[{]\s*([^()\[\]{}]*?)\s*[)\]}]\s*$")
_SLASH = re.compile(r"\s*(?:/|,|\bin\b|\s-)\s*([^\s/,]+(?: units)?)\s*$")
_CHANNEL = re.compile(r"^(smu ?\d+|ch(?:annel)? ?[a-z\d]|ch\d+)[ :]+(?=\S)")
_NODE = re.compile(r"([VvIi])\(([\w.,#+-]{1,20})\)")
"""Names of a circuit simulator: V(n001), I(R1)."""

_WEAK_START = re.compile(
    r"(?!I(?:ter|tem|nit|nt|so|nfo|on|dx)\b|V(?:ol|ar|al|er|ia|ec)\b)([VI])[ _]?([A-Za-z]\w{0,3}|\d{1,3})"
)
_WEAK_END = re.compile(r"([A-Z]\w{0,7}?)[ _]?([VI])")


def meaning(name: str) -> Meaning | None:
    """What a column's name says; None where it is not known."""
    text, found, index = name.strip(), None, ""
    while match := _BRACKETS.search(text):
        inside = match[1]
        if inside.isdigit():
            index = inside
        elif (read := unit(inside)) or inside == "":
            found = found or read
        else:
            break
        text = text[: match.start()]
    first = _meant(text, found, index)
    if first is not None or found is not None:
        return first
    if match := _SLASH.search(text):
        read = unit(match[1])
        if read and (second := _meant(text[: match.start()], read, index)):
            return second
    head, _, tail = text.replace(" ", "_").rpartition("_")
    for count in (1, 2):  # names such as "pulse_width_s_2" end with the number of a run
        read = unit(tail) if head else None
        if read and (second := _meant(head, read, index)):
            return second
        if not (tail.isdigit() and head and count == 1):
            break
        index = tail
        head, _, tail = head.rpartition("_")
    return None


def _meant(text: str, found: WrittenUnit | None, index: str) -> Meaning | None:
    words = plain(text)
    channel = ""
    if match := _CHANNEL.match(words):
        channel, words = match[1], words[match.end() :]
    if (quantity := _KNOWN.get(words)) is not None:
        return _fitting(quantity, found, index, channel, sure=True)
    match = re.fullmatch(r"(.*?\D) ?(\d{1,4})", words)
    if match and (quantity := _KNOWN.get(match[1].strip())) is not None:
        return _fitting(quantity, found, index or match[2], channel, sure=True)
    bare = text.strip()
    if match := _NODE.fullmatch(bare):
        return _fitting({"v": "voltage", "i": "current"}[match[1].lower()], found, index, match[2].lower(), sure=False)
    if match := _WEAK_START.fullmatch(bare):
        return _fitting({"v": "voltage", "i": "current"}[match[1].lower()], found, index, match[2].lower(), sure=False)
    if match := _WEAK_END.fullmatch(bare):
        return _fitting({"V": "voltage", "I": "current"}[match[2]], found, index, match[1].lower(), sure=False)
    return None


_OF_SEVERAL = {"S": "conductance", "A": "current", "ohm": "resistance"}
"""What a column such as ``Device 3 (uS)`` or ``Cycle 2 (A)`` holds."""


def _fitting(quantity: str, found: WrittenUnit | None, index: str, channel: str, sure: bool) -> Meaning | None:
    """A meaning whose unit is of its dimension; a unit is read again as one of that, for S and s are often mixed up."""
    if found is None:
        return Meaning(quantity, None, index, channel, sure)
    if quantity in ("cell", "cycle", "train") and found.si in _OF_SEVERAL:
        return Meaning(_OF_SEVERAL[found.si], found, index, channel, sure)
    again = unit(found.text, DIMENSION[quantity])
    if again is None and quantity == "conductance" and found.si in ("ohm", "A"):
        return Meaning({"ohm": "resistance", "A": "current"}[found.si], found, index, channel, sure)
    if again is None and quantity == "nothing":
        return Meaning(quantity, None, index, channel, sure)
    if again is None and quantity == "change":
        return None
    return Meaning(quantity, again, index, channel, sure) if again else None


def known_name(name: str) -> bool:
    """Whether a cell of text is the name of a column."""
    return meaning(name) is not None
