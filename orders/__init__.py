"""Orders. Two paths run through this package:

- a purchase: `api.views` -> `checkout`, which reads the cart, sells in one transaction (`selling`),
  and has `settlement` take the bought units out of the cart;
- a change of status: view, task, admin action or `payments` -> `lifecycle`, the one place that
  knows which changes there are.

The tasks find and finish what a crash leaves undone.
"""
