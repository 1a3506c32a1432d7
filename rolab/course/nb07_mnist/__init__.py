"""The code behind notebook 07: the tables of MNIST."""
