#!/usr/bin/env python3
"""Prints the rows of the benchmark's events table as COPY text: the same bytes for the same arguments.

The rows look like what a web application writes: identifiers that do not compress, timestamps that grow,
visitors who come and go, a few values that repeat often, free text whose words follow Zipf's law, and a JSON
document of varying shape and size.
"""
import itertools
import json
import random
import sys
import time
import uuid

KINDS = ["page.view", "session.start", "booking.created", "booking.changed", "booking.cancelled", "payment.captured",
         "payment.failed", "message.sent", "search.done", "profile.updated"]
KIND_WEIGHTS = [40, 12, 8, 5, 2, 7, 1, 10, 12, 3]
CITIES = [("Berlin", 52.52, 13.40), ("Hamburg", 53.55, 9.99), ("München", 48.14, 11.58), ("Paris", 48.86, 2.35), ("Lyon", 45.76, 4.84),
          ("Madrid", 40.42, -3.70), ("København", 55.68, 12.57), ("Zürich", 47.37, 8.54), ("Wien", 48.21, 16.37), ("Kraków", 50.06, 19.94)]
PLATFORMS = ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64",
             "iPhone; CPU iPhone OS 17_4 like Mac OS X", "Linux; Android 14; Pixel 8"]
START = 1_700_000_000
# Three events a second, a dozen per visitor, eight minutes per visit: so many visitors are there at one time.
VISITORS, EVENTS_PER_VISIT = 130, 12


def words(rng, count=6000):
    """A vocabulary of made-up words; common ones are short."""
    onsets = "b c d f g h j k l m n p r s t v w br ch cl cr dr fl gr pl pr sh sl sp st th tr".split()
    vowels = "a e i o u ai ea ee io ou".split()
    codas = ["", "", "", "n", "r", "s", "t", "l", "m", "nd", "st", "ng", "rt"]
    seen = {}
    while len(seen) < count:
        syllables = 1 + min(3, len(seen) // 300)
        seen["".join(rng.choice(onsets) + rng.choice(vowels) + rng.choice(codas) for _ in range(rng.randint(1, syllables)))] = None
    return list(seen)


def text_source(rng):
    vocabulary = words(rng)
    weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(vocabulary))))

    def text(count):
        return " ".join(rng.choices(vocabulary, cum_weights=weights, k=count))
    return text


def escape(value):
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def popular(rng, count):
    """One of count things of which few are asked for often."""
    return 1 + int(count * rng.random() ** 3)


class Session:
    """One visitor for a while: the same person, browser and place for about a dozen events."""

    def __init__(self, rng):
        self.user = popular(rng, 250_000)
        city, latitude, longitude = rng.choice(CITIES)
        agent = f"Mozilla/5.0 ({rng.choice(PLATFORMS)}) Chrome/{rng.randint(118, 122)}.0.{rng.randint(6000, 6400)}.{rng.randint(10, 220)}"
        self.body = {
            "session": f"{rng.getrandbits(128):032x}",
            "client": {"agent": agent, "ip": ".".join(str(rng.randint(1, 254)) for _ in range(4)),
                       "locale": rng.choice(("de-DE", "en-GB", "fr-FR", "es-ES"))},
            "geo": {"city": city, "lat": round(latitude + rng.uniform(-0.2, 0.2), 6), "lon": round(longitude + rng.uniform(-0.2, 0.2), 6)},
        }


def document(rng, kind, text, session):
    body = {
        **session.body,
        "path": f"/{rng.choice(('rooms', 'book', 'account', 'search', 'help'))}/{popular(rng, 9000)}",
        "timing": {"ttfb": rng.randint(18, 900), "load": rng.randint(120, 6000)},
    }
    if kind.startswith("booking") or kind.startswith("payment"):
        body["items"] = [{"sku": f"RM-{popular(rng, 9000):05d}", "nights": rng.randint(1, 14), "price": round(rng.lognormvariate(4.6, 0.5), 2),
                          "tax": rng.choice((7, 19)), "note": text(rng.randint(2, 12))} for _ in range(rng.randint(1, 4))]
        body["reference"] = str(uuid.UUID(int=rng.getrandbits(128)))
    if kind == "message.sent":
        body["message"] = text(min(700, int(rng.lognormvariate(3.9, 0.9)) + 3))
    if kind == "search.done":
        body["query"] = text(rng.randint(1, 5))
        body["hits"] = [popular(rng, 9000) for _ in range(rng.randint(0, 20))]
    if rng.random() < 0.02:
        body["debug"] = {"signature": f"{rng.getrandbits(512):0128x}", "trace": [text(8) for _ in range(rng.randint(3, 25))]}
    return body


def main():
    megabytes, seed = float(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(seed)
    text, sessions = text_source(rng), [Session(rng) for _ in range(VISITORS)]
    goal, written, moment = megabytes * 1024 * 1024, 0, START * 1000.0
    for number in itertools.count(1):
        kind = rng.choices(KINDS, KIND_WEIGHTS)[0]
        seat = rng.randrange(VISITORS)
        if rng.random() * EVENTS_PER_VISIT < 1:
            sessions[seat] = Session(rng)
        moment += rng.expovariate(1 / 310)
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment // 1000))
        fields = [str(number), str(uuid.UUID(int=rng.getrandbits(128))), f"{when}.{int(moment % 1000):03d}+00", str(sessions[seat].user),
                  kind, "\\N" if rng.random() < 0.3 else escape(text(rng.randint(2, 9))),
                  escape(json.dumps(document(rng, kind, text, sessions[seat]), ensure_ascii=False))]
        line = "\t".join(fields) + "\n"
        written += len(line)
        sys.stdout.write(line)
        if written >= goal:
            return


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit("the reader of the rows went away")
