"""The contrastive and the next-token loss, and the steps that compute their gradients in bounded memory."""
