"""The demo: a made-up hospital morning through a real engine, balanced to the cent. Not shipped."""
