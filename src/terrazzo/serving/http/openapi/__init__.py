"""The API's description as OpenAPI 3.1, and an offline page of it.

document     the whole document
operations   what each route takes and answers, uploads and maps aside
transfers    the same for uploads and maps
workers      the same for workers on other machines
schemas      the objects that they speak of
describe     how an operation is written down
routes       GET /openapi.json, GET /docs
reading      the page: HTML without scripts
"""
