"""One module per sub-command of `chuanyu`: HELP, add_arguments(parser), run(options) -> exit code.

Import Django and anything heavy inside `run`: every module here is loaded for `chuanyu --help`.
"""
