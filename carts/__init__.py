"""The cart. Two paths run through this package:

- a request: `api.views` -> `services`, `merge` -> `reading` -> `live.store` (the hash) and the
  catalogue, with `domain` deciding -> `api.presentation`;
- a save: task, command or admin -> `permanent.saving` -> `live.store` and `permanent.mapping`
  -> `models` (the rows). `permanent.restoring` goes the other way, where there is no hash.
"""
