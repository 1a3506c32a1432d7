"""The code behind notebook 08: the tables of CIFAR-10."""
