"""Complete runs, from input to result, as typed functions.

    evaluate    measure a model beside baselines and write a report
    validate    measure a model while it is trained, and keep its best checkpoint
    adapt       fine-tune a model on a folder, keep it only if it is better, index the folder
    reproduce   build a bundled model again from its recipe
    demo        mine, train, compare, index and search, on the installed packages

Nothing here reads arguments or prints. A workflow reports to a `Reporter`, which the command line shows. A
program may stay silent.
"""
