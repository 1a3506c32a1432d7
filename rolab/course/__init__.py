"""The course: what the notebooks need. `check` holds the exercises, each folder `nbNN_…` the code behind a notebook."""
