"""What people outside write on our own web pages: leads by a form, and a chat. No login, nothing from elsewhere."""
