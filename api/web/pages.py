def install(app, hub, *, demo):
    pass
