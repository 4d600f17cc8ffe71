"""What an edited site would have made of the messages of the past, in lines and money. Touches nothing."""
