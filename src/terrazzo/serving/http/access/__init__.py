"""Who may come in, and what every request must pass first.

guards      Host, Origin, response headers
tokens      the token file; who a request comes from
sessions    the page's login, in memory
login       a token or a cookie becomes a Caller
"""
