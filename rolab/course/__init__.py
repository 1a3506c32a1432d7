"""The course: what the notebooks need. `check` has the exercises, a folder `nbNN_…` a notebook's code."""
