#!/usr/bin/env python3
"""embed.py OUT IN.sql... - SQL files as the string literals of a C header."""

import pathlib
import sys


def literal(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    quoted = ('"%s\\n"' % line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return "#define sql_%s \\\n\t%s\n" % (path.stem, " \\\n\t".join(quoted))


def main(out, *sources):
    body = "".join(literal(pathlib.Path(source)) for source in sources)
    pathlib.Path(out).write_text("/* Made by embed.py from the .sql files. */\n" + body, encoding="utf-8")


main(*sys.argv[1:])
