"""Orders. Two paths run through this package:

- a purchase: `views` -> `checkout`, which reads the cart, sells
  in one transaction and leaves it to `settlement` to take the bought units out of the cart;
- a change of status: view, task, admin action or `payments` -> `lifecycle`, the one place that
  knows which changes there are.

What a crash leaves undone is found again by the tasks.
"""
