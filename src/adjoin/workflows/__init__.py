"""Complete runs, from input to result, as typed functions.

    evaluate    measure a model beside baselines and write a report
    validate    measure a model while it is trained, and keep its best checkpoint
    adapt       fine-tune a model on a folder, keep it only if it is better, index the folder
    reproduce   build a bundled model again from its recipe
    demo        mine, train, compare, index and search, on the installed packages

Nothing here reads arguments or prints. A workflow tells a `Reporter` what it does. The command line shows it; a
program may stay silent.
"""
