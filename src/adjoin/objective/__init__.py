"""The loss of the paper and the step that computes its gradients in bounded memory."""
