"""The API's description as one page of HTML without scripts or foreign files."""

import base64
import hashlib
import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

STYLE = """
:root { color-scheme: light dark; --line: #8888; --soft: #8882; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
h3 { font: 600 1rem/1.5 ui-monospace, monospace; margin-bottom: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--soft); }
td:first-child { white-space: nowrap; font-family: ui-monospace, monospace; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; }
"""
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of the page: its own style sheet alone, by its hash."""


def page(document: Mapping[str, Any]) -> str:
    """The document as HTML."""
    title = html.escape(f"{document['info']['title']} {document['info']['version']}: the API")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{''.join(_parts(document))}</main></body></html>\n"
    )


def _parts(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"<p>{html.escape(document['info']['description'])} The same as OpenAPI 3.1: "
    yield '<a href="openapi.json">openapi.json</a>.</p>'
    for tag in document["tags"]:
        yield f"<h2>{html.escape(tag['name'])}</h2>"
        for path, methods in document["paths"].items():
            for method, each in methods.items():
                if each["tags"] == [tag["name"]]:
                    yield from _operation(method, path, each)
    yield "<h2>Objects</h2>"
    for name, schema in document["components"]["schemas"].items():
        shown = html.escape(json.dumps(schema, indent=1))
        yield f'<h3 id="{name}">{name}</h3><pre tabindex="0">{shown}</pre>'


def _operation(method: str, path: str, each: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h3>{method.upper()} {html.escape(path)}</h3><p>{html.escape(each['summary'])}</p>"
    rows = [
        (parameter["name"], f"{parameter['in']}: {parameter['description']}")
        for parameter in each.get("parameters", ())
    ]
    rows += [("body", ", ".join(each["requestBody"]["content"]))] if "requestBody" in each else []
    rows += [(status, _answer(found)) for status, found in each["responses"].items()]
    cells = "".join(f"<tr><td>{html.escape(name)}</td><td>{text}</td></tr>" for name, text in _escaped(rows))
    yield f"<table><thead><tr><th>What</th><th>Meaning</th></tr></thead><tbody>{cells}</tbody></table>"


def _escaped(rows: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for name, text in rows:
        yield name, html.escape(text)


def _answer(found: Mapping[str, Any]) -> str:
    kinds = [
        f"{media} {each['schema'].get('$ref', '').rpartition('/')[2]}".strip()
        for media, each in found.get("content", {}).items()
    ]
    return " ".join([found["description"], *(f"({kind})" for kind in kinds)])
