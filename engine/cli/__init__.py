"""The command `suture`. Each verb is a short module; heavy parts are imported by the verb that needs them."""
