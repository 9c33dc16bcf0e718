INI = """
[pytest]
filterwarnings =
    error
    ignore:Module already imported:pytest.PytestAssertRewriteWarning
"""
"""Of the pytest inside a test, which finds in memory what the one outside has imported."""
