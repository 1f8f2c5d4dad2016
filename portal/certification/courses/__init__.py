"""Courses: lessons in order, in published versions, and who has read them.

An exam has one course, which is simply its lessons. Staff write drafts; what readers
see is a published version, which never changes.
"""
