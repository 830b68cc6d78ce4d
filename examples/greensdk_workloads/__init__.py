"""
Workloads to measure: plain functions with known answers.
"""
