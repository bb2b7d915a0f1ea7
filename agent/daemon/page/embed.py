"""Writes page.c: the files of the status page as C arrays. embed.py OUTPUT FILE..."""

import sys
from pathlib import Path

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def main(output: str, *files: str) -> None:
    text = ['#include "daemon/page.h"\n']
    rows = []
    for index, file in enumerate(map(Path, files)):
        content = file.read_bytes()
        numbers = ",".join(map(str, content))
        text.append(f"static const unsigned char file_{index}[] = {{{numbers}}};\n")
        path = "/" if file.name == "index.html" else f"/{file.name}"
        rows.append(f'    {{"{path}", "{TYPES[file.suffix]}", file_{index}, sizeof(file_{index})}},\n')
    text.append("const struct page_asset page_assets[] = {\n" + "".join(rows) + "    {0},\n};\n")
    Path(output).write_text("\n".join(text))


main(*sys.argv[1:])
