package loop

func makers() []maker { return []maker{{"epoll", newEpoll}, {"poll", newPoll}} }
