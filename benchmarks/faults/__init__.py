"""Faults on purpose: a corpus of training runs, healthy and broken, by which the lamps are judged.

``programs`` are written as a user would write them; ``injections`` break one thing of them;
``corpus`` says which runs there are; ``runner`` trains them; ``score`` holds the lamps, and the
published rules of ``baselines``, against what was broken.
"""
