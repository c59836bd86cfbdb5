"""Programs that subscribe to what becomes of alerts: webhooks by the Standard Webhooks specification."""
