"""Lists of the console: each is searched, filtered, sorted and paged by the database.

Call them in a snapshot (`tasks.store.session.in_snapshot`), all lists of a page in one.
"""
