"""
Repeated looks at the meters and the process tree while a call runs.
"""
