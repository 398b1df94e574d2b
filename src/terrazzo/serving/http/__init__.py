"""The HTTP side: routes, guards and problems.

app         every route behind every guard
site        what the routes work with: settings, jobs, uploads, models, tokens
access      Host and Origin, tokens, the page's login
problems    errors as RFC 9457 problem JSON
bodies      JSON bodies, bounded while they arrive
processes   models, and what they take
execution   a request becomes a job
jobs        one's own jobs
work        jobs for workers on other machines
status      health, ready, conformance
openapi     the API's description, and a page of it
"""
