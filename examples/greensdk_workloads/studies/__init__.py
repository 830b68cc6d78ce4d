"""
Questions that records answer: each study runs workloads, and leaves a CSV, pictures and a page.
"""
