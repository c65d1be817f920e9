"""Services that take files: uploaded at one node, judged row by row, paid page by page, reconciled row by row.

intake     a file becomes an upload: read once, its rows sorted into parts on disk
judging    part by part: each row counts once, is priced in order, and goes on a page if the other node pays
pages      a page is sent, checked by the payer with the same rules, paid by one transfer, answered
reconcile  what both nodes have of a closed window, compared page by page, then row by row
"""
