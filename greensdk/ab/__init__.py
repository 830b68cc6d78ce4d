"""
A against B: pairs of runs, what can be said of their ratio, and gates that rest on it.
"""
