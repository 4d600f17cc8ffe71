"""From bytes to documents: intake at the door, the pure step, the stepper that runs it, and what people ask again.

Path of a message: `intake` → (inbox) → `stepper` → `step` = `reading` → facts → `writing` → (outbox).
"""
