"""A model behind a page and an API: uploads, jobs, workers and maps over HTTP. It maps nothing by itself.

- `folder`: where everything lies on disk.
- `settings`: what `terrazzo serve` was given.
- `jobs`: the table of jobs, supervisor and workers.
- `uploads`: files that clients send, resumable, sniffed and probed.
- `results`: finished maps as files, tiles, points and STAC items.
- `http`: routes, guards and problems.
- `page`: HTML, CSS and JavaScript.

Nothing here but the tasks of workers loads torch.
"""
