"""
Lithops on AWS Lambda: records in the function's log too, and an image with greensdk.
"""
